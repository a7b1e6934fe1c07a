import { describe, expect, it } from 'vitest'
import { p256Thumbprint, parseP256Jwk } from '../../../../core/src/domain/did/p256-public-key.ts'
import { refusalOf } from '../../../tools/refusal.ts'

/** RFC 7515 appendix A.3. */
const X = 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'
const Y = 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'
const JWK = { kty: 'EC', crv: 'P-256', x: X, y: Y }

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const number = (text: string): bigint => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
const spelled = (coordinate: bigint): string =>
  Buffer.from(coordinate.toString(16).padStart(64, '0'), 'hex').toString('base64url')

describe('a public P-256 JWK', () => {
  it.each([
    ['with the least', JWK],
    ['for signatures', { ...JWK, use: 'sig', alg: 'ES256' }],
    ['with other members', { ...JWK, kid: 'a', key_ops: ['verify'], x5u: 'https://evil.example' }],
  ])('is read %s, as an uncompressed point', (_, jwk) => {
    const key = parseP256Jwk(jwk)
    expect(Buffer.from(key).toString('hex')).toBe(
      `04${Buffer.from(X, 'base64url').toString('hex')}${Buffer.from(Y, 'base64url').toString('hex')}`,
    )
  })

  it('is read with the other y of the same x, which is another key', () => {
    const other = parseP256Jwk({ ...JWK, y: spelled(P - number(Y)) })
    expect(other).not.toEqual(parseP256Jwk(JWK))
  })

  it.each([
    ['that is no object', 'x'],
    ['that is null', null],
    ['that is an array', [JWK]],
    ['of another type', { ...JWK, kty: 'OKP' }],
    ['in lower case', { ...JWK, kty: 'ec' }],
    ['on another curve', { ...JWK, crv: 'secp256k1' }],
    ['for encryption', { ...JWK, use: 'enc' }],
    ['for another algorithm', { ...JWK, alg: 'ES384' }],
    ['without x', { ...JWK, x: undefined }],
    ['without y', { ...JWK, y: undefined }],
    ['with a number for y', { ...JWK, y: 1 }],
    ['with padding', { ...JWK, x: `${X}=` }],
    [
      'with a leading zero too many',
      { ...JWK, x: Buffer.from(`00${number(X).toString(16)}`, 'hex').toString('base64url') },
    ],
    ['one byte short', { ...JWK, y: Y.slice(0, 42) }],
    ['with x and y exchanged', { ...JWK, x: Y, y: X }],
    ['beside the curve', { ...JWK, y: spelled(number(Y) - 1n) }],
    ['that is zero', { ...JWK, x: spelled(0n), y: spelled(0n) }],
  ])('is refused %s', (_, jwk) => {
    expect(refusalOf(() => parseP256Jwk(jwk))).toBe('DidRefused KEY_MALFORMED')
  })

  it('is refused in a second spelling, a coordinate beyond the field', () => {
    // The point with x = 5; few points have a coordinate so small that adding the field fits 32 bytes.
    const y = 0x459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbccn
    expect(parseP256Jwk({ ...JWK, x: spelled(5n), y: spelled(y) })).toHaveLength(65)
    expect(refusalOf(() => parseP256Jwk({ ...JWK, x: spelled(5n + P), y: spelled(y) }))).toBe(
      'DidRefused KEY_MALFORMED',
    )
  })

  it.each(['jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI', '', null])('is refused with its private half %j', (d) => {
    expect(refusalOf(() => parseP256Jwk({ ...JWK, d }))).toBe('DidRefused KEY_PRIVATE')
  })

  it('has the thumbprint of RFC 7638', () => {
    expect(p256Thumbprint(parseP256Jwk(JWK))).toBe('oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U')
  })
})
