import { ed25519KeyFlaw } from '../../lib/ed25519-key-form.ts'
import { DidRefused } from './did-refused.ts'

declare const sound: unique symbol

/** 32 raw bytes that went through `parseEd25519PublicKey`. */
export type Ed25519PublicKey = Uint8Array & { readonly [sound]: true }

/**
 * Admits an Ed25519 public key. Every key that signatures are checked with comes through
 * here, whatever form it arrived in. Refuses small order and every second spelling of a point.
 *
 * @param bytes attacker-controlled; copied
 * @throws {DidRefused} KEY_MALFORMED for a wrong length, KEY_WEAK for the rest
 */
export function parseEd25519PublicKey(bytes: Uint8Array): Ed25519PublicKey {
  switch (ed25519KeyFlaw(bytes)) {
    case 'length':
      throw new DidRefused('KEY_MALFORMED', 'An Ed25519 public key has 32 bytes')
    case 'small-order':
      throw new DidRefused('KEY_WEAK', 'The Ed25519 public key is a point of small order: generate a new key')
    case 'not-canonical':
      throw new DidRefused('KEY_WEAK', 'The Ed25519 public key is not in canonical form: generate a new key')
    case undefined:
      return new Uint8Array(bytes) as Ed25519PublicKey
  }
}

/** Public keys are public: the comparison takes no care of timing. */
export function isSameKey(a: Ed25519PublicKey, b: Ed25519PublicKey): boolean {
  return a.every((byte, index) => byte === b[index])
}
