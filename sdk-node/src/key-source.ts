import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto'
import { isSoundEd25519Key } from '@capiscio/proto/sdk'

/** A key as Node or a PEM file holds it. */
export type KeySource = KeyObject | string

/**
 * Reads an Ed25519 private key.
 *
 * @param pem PKCS#8, not encrypted.
 * @throws TypeError for anything else; the message holds nothing of it.
 */
export function loadPrivateKey(pem: string): KeyObject {
  return requireKey(pem, 'private')
}

/**
 * Reads an Ed25519 public key.
 *
 * @param pem SPKI.
 * @throws TypeError for anything else, a private key included, and for keys under which signatures
 * prove nothing.
 */
export function loadPublicKey(pem: string): KeyObject {
  return requireKey(pem, 'public')
}

/** @throws TypeError unless it is an Ed25519 key of that type */
export function requireKey(source: KeySource, type: 'private' | 'public'): KeyObject {
  const key = source instanceof KeyObject ? source : readPem(source, type)
  if (key.asymmetricKeyType !== 'ed25519' || key.type !== type) throw wrongKey(type)
  if (type === 'public' && !isSoundEd25519Key(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'))) {
    throw new TypeError(
      'The public key is weak, so that signatures under it prove nothing: its owner needs another one.',
    )
  }
  return key
}

/** The message of the parser is left out: it may quote the key. */
function readPem(pem: string, type: 'private' | 'public'): KeyObject {
  // Node would make the public half of a private key without a word.
  if (typeof pem !== 'string' || (type === 'public' && !pem.includes('BEGIN PUBLIC KEY'))) throw wrongKey(type)
  try {
    return type === 'private' ? createPrivateKey(pem) : createPublicKey(pem)
  } catch {
    throw wrongKey(type)
  }
}

function wrongKey(type: 'private' | 'public'): TypeError {
  return new TypeError(`The ${type} key must be an Ed25519 ${type} key: a KeyObject or PEM text.`)
}
