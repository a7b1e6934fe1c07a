import { hex } from '@scure/base'

/**
 * The y coordinates of small-order points, little-endian, sign bit cleared. Under such a
 * key a signature can be made that verifies for any message.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/** The field prime 2^255 - 19, big-endian hexadecimal. */
const PRIME = '7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed'

/** Whether these bytes are an Ed25519 public key in canonical form and not of small order. */
export function isSoundPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  const y = publicKey.slice()
  y[31] = (y[31] ?? 0) & 0x7f
  if (SMALL_ORDER_Y.has(hex.encode(y))) return false
  // Hexadecimal digits of one length compare like the numbers.
  return hex.encode(y.reverse()) < PRIME
}
