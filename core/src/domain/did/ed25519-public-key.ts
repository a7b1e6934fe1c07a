import { hex } from '@scure/base'
import { DidRefused } from './did-refused.ts'

declare const sound: unique symbol

/** 32 raw bytes that went through `parseEd25519PublicKey`. */
export type Ed25519PublicKey = Uint8Array & { readonly [sound]: true }

const LENGTH = 32

/**
 * The y coordinates of the eight points of small order, little-endian, sign bit cleared.
 * Under such a key anybody can make a signature that verifies for every message, and some
 * runtimes accept it.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/**
 * Admits an Ed25519 public key. Every key that signatures are checked with comes through
 * here, whatever form it arrived in.
 *
 * Refuses small order and every second spelling of a point (y not below the field prime,
 * RFC 8032 §5.1.3). Whether the bytes are a point at all is left to signature checks,
 * which then fail.
 *
 * @param bytes attacker-controlled; copied
 * @throws {DidRefused} KEY_MALFORMED for a wrong length, KEY_WEAK for the rest
 */
export function parseEd25519PublicKey(bytes: Uint8Array): Ed25519PublicKey {
  if (bytes.length !== LENGTH) throw new DidRefused('KEY_MALFORMED', 'An Ed25519 public key has 32 bytes')
  const y = bytes.slice()
  // The top bit is the sign of x: both signs of a small-order point are of small order.
  y[31] = (y[31] ?? 0) & 0x7f
  if (SMALL_ORDER_Y.has(hex.encode(y))) {
    throw new DidRefused('KEY_WEAK', 'The Ed25519 public key is a point of small order: generate a new key')
  }
  if (!isBelowPrime(y)) {
    throw new DidRefused('KEY_WEAK', 'The Ed25519 public key is not in canonical form: generate a new key')
  }
  return bytes.slice() as Ed25519PublicKey
}

/** Whether y < 2^255 - 19, whose bytes are ed ff … ff 7f. The sign bit is cleared. */
function isBelowPrime(y: Uint8Array): boolean {
  return y[31] !== 0x7f || (y[0] ?? 0) < 0xed || y.subarray(1, 31).some((byte) => byte !== 0xff)
}

/** Public keys are public: the comparison takes no care of timing. */
export function isSameKey(a: Ed25519PublicKey, b: Ed25519PublicKey): boolean {
  return a.every((byte, index) => byte === b[index])
}
