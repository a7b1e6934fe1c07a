import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto'

/** A key as Node or a PEM file holds it. */
export type KeySource = KeyObject | string

/** @throws TypeError unless it is an Ed25519 key of that type */
export function requireKey(source: KeySource, type: 'private' | 'public'): KeyObject {
  const key = source instanceof KeyObject ? source : readPem(source, type)
  if (key.asymmetricKeyType !== 'ed25519' || key.type !== type) throw wrongKey(type)
  return key
}

/** The message of the parser is left out: it may quote the key. */
function readPem(pem: string, type: 'private' | 'public'): KeyObject {
  try {
    return type === 'private' ? createPrivateKey(pem) : createPublicKey(pem)
  } catch {
    throw wrongKey(type)
  }
}

function wrongKey(type: 'private' | 'public'): TypeError {
  return new TypeError(`The ${type} key must be an Ed25519 ${type} key: a KeyObject or PEM text.`)
}
