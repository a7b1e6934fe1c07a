import { base58 } from '@scure/base'
import { DidRefused } from './did-refused.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from './ed25519-public-key.ts'

/** Multicodec prefix of an Ed25519 public key (0xed as a varint). */
const ED25519_PUB = [0xed, 0x01] as const

/**
 * `z`, then base58btc of the prefix and 32 bytes: always 48 characters that start with
 * z6Mk. Checked before decoding, which takes time quadratic in the length.
 */
const FORM = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/

/**
 * Decodes an Ed25519 public key in multibase form, as in `publicKeyMultibase` and did:key.
 *
 * @param text attacker-controlled
 * @throws {DidRefused} KEY_MALFORMED, KEY_WEAK
 */
export function parseMultibaseKey(text: string): Ed25519PublicKey {
  const bytes = FORM.test(text) ? base58.decode(text.slice(1)) : new Uint8Array()
  if (bytes.length !== 34 || bytes[0] !== ED25519_PUB[0] || bytes[1] !== ED25519_PUB[1]) {
    throw new DidRefused('KEY_MALFORMED', 'The text is not an Ed25519 public key in multibase form (z6Mk…)')
  }
  return parseEd25519PublicKey(bytes.subarray(2))
}

/** The multibase form of 32 raw bytes. */
export function toMultibaseKey(publicKey: Uint8Array): string {
  if (publicKey.length !== 32) throw new TypeError('An Ed25519 public key has 32 bytes')
  return `z${base58.encode(Uint8Array.of(...ED25519_PUB, ...publicKey))}`
}
