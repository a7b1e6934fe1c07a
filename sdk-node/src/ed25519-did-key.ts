import { createPublicKey, type KeyObject } from 'node:crypto'
import { isSoundEd25519Key } from '@capiscio/proto/sdk'
import { base58 } from '@scure/base'
import { type KeySource, requireKey } from './key-source.ts'

const PREFIX = 'did:key:z'

/** Multicodec prefix of an Ed25519 public key (0xed as a varint). */
const ED25519_PUB = [0xed, 0x01] as const

/**
 * The did:key of an Ed25519 public key.
 *
 * @param key A `KeyObject`, or PEM (SPKI).
 * @throws TypeError for anything else, and for keys under which signatures prove nothing.
 */
export function publicKeyToDidKey(key: KeySource): string {
  const { x = '' } = requireKey(key, 'public').export({ format: 'jwk' })
  return `${PREFIX}${base58.encode(Uint8Array.of(...ED25519_PUB, ...Buffer.from(x, 'base64url')))}`
}

/**
 * The public key inside a did:key.
 *
 * @param did Ed25519, with its multicodec prefix; without a fragment.
 * @throws TypeError for anything else, and for keys under which signatures prove nothing.
 */
export function publicKeyFromDidKey(did: string): KeyObject {
  // 32 bytes and their prefix have at most 47 digits in base 58.
  const bytes = typeof did === 'string' && did.startsWith(PREFIX) && did.length <= 64 ? decode(did) : undefined
  if (bytes?.length !== 34 || bytes[0] !== ED25519_PUB[0] || bytes[1] !== ED25519_PUB[1]) {
    throw new TypeError('The DID must be a did:key with an Ed25519 public key: did:key:z6Mk…')
  }
  const raw = bytes.subarray(2)
  if (!isSoundEd25519Key(raw)) throw new TypeError('The did:key holds a weak public key: its owner needs another one.')
  const x = Buffer.from(raw).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function decode(did: string): Uint8Array | undefined {
  try {
    return base58.decode(did.slice(PREFIX.length))
  } catch {
    return undefined
  }
}
