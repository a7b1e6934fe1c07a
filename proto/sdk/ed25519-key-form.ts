/**
 * The y coordinates of the eight points of small order, little-endian with the sign bit cleared.
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
 * Whether 32 bytes can be trusted as an Ed25519 public key: not of small order, and the one
 * spelling of its point (y below the field prime, RFC 8032 §5.1.3). Bytes that are no point at
 * all fail every signature check later.
 */
export function isSoundEd25519Key(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false
  const y = new Uint8Array(bytes)
  // The top bit is the sign of x: both signs of a small-order point are of small order.
  y[31] = (y[31] ?? 0) & 0x7f
  const hex = Array.from(y, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return !SMALL_ORDER_Y.has(hex) && isBelowPrime(y)
}

/** Whether y < 2^255 - 19, whose bytes are ed ff … ff 7f. */
function isBelowPrime(y: Uint8Array): boolean {
  return y[31] !== 0x7f || (y[0] ?? 0) < 0xed || y.subarray(1, 31).some((byte) => byte !== 0xff)
}
