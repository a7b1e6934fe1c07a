import { DidRefused } from './did-refused.ts'
import type { Ed25519PublicKey } from './ed25519-public-key.ts'
import { parseMultibaseKey, toMultibaseKey } from './multibase-key.ts'

const PREFIX = 'did:key:'

/** Whether the text claims to be a did:key. It may still be refused by `parseDidKey`. */
export function isDidKey(text: string): boolean {
  return text.startsWith(PREFIX)
}

/**
 * The key inside a did:key. Ed25519 is the only kind (badges.md §6.1), and each key has
 * exactly one such DID, so equal texts mean equal keys and the reverse.
 *
 * @param did attacker-controlled
 * @throws {DidRefused} DID_MALFORMED, with the key's own refusal as cause; KEY_WEAK
 */
export function parseDidKey(did: string): Ed25519PublicKey {
  if (!isDidKey(did)) throw new DidRefused('DID_MALFORMED', 'The DID is not a did:key')
  try {
    return parseMultibaseKey(did.slice(PREFIX.length))
  } catch (cause) {
    if (cause instanceof DidRefused && cause.code === 'KEY_MALFORMED') {
      throw new DidRefused('DID_MALFORMED', 'The did:key does not hold an Ed25519 public key', { cause })
    }
    throw cause
  }
}

/** The did:key of 32 raw bytes. */
export function toDidKey(publicKey: Uint8Array): string {
  return PREFIX + toMultibaseKey(publicKey)
}

/** The only key id of a did:key, a DID URL: `did:key:MB#MB`. */
export function didKeyKid(did: string): string {
  return `${did}#${did.slice(PREFIX.length)}`
}
