import { encodeBase64url } from '../../lib/base64url.ts'
import { sha256Base64url } from '../../lib/sha256.ts'
import { DidRefused } from './did-refused.ts'
import { readKeyBytes, readSigningJwk } from './signing-jwk.ts'

declare const sound: unique symbol

/** A point of P-256 that went through `parseP256Jwk`: 65 bytes, 4 then x then y. */
export type P256PublicKey = Uint8Array & { readonly [sound]: 'P-256' }

/** The field and the constant of the curve y² = x³ - 3x + b (SP 800-186 §3.2.1.3). */
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/**
 * Reads a public P-256 signing key from a JWK (RFC 7518 §6.2): `kty` EC, `crv` P-256, `x` and
 * `y` strict base64url of 32 bytes each, on the curve; `use` absent or `sig`, `alg` absent or
 * `ES256`. The group has no points of small order, so every point on the curve is a sound key.
 *
 * @param jwk attacker-controlled, as it came out of the JSON parser
 * @throws {DidRefused} KEY_MALFORMED; KEY_PRIVATE when the private half is there
 */
export function parseP256Jwk(jwk: unknown): P256PublicKey {
  const members = readSigningJwk(jwk, 'ES256')
  const { kty, crv } = members
  if (kty !== 'EC' || crv !== 'P-256') throw new DidRefused('KEY_MALFORMED', 'The JWK is not a P-256 key')
  const x = readKeyBytes(members, 'x')
  const y = readKeyBytes(members, 'y')
  // RFC 7518 §6.2.1.2: leading zeros stay, so that a key has one spelling.
  if (x.length !== 32 || y.length !== 32) {
    throw new DidRefused('KEY_MALFORMED', 'A P-256 public key has two coordinates of 32 bytes')
  }
  if (!isOnCurve(toNumber(x), toNumber(y))) throw new DidRefused('KEY_MALFORMED', 'The JWK is no point of P-256')
  return Uint8Array.of(4, ...x, ...y) as P256PublicKey
}

/** The JWK thumbprint (RFC 7638): 43 characters of base64url. */
export function p256Thumbprint(key: P256PublicKey): string {
  const [x, y] = [encodeBase64url(key.subarray(1, 33)), encodeBase64url(key.subarray(33))]
  return sha256Base64url(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)
}

function isOnCurve(x: bigint, y: bigint): boolean {
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n
}

function toNumber(bigEndian: Uint8Array): bigint {
  return bigEndian.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)
}
