import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Es256Verifier } from '../../core/src/ports/es256.ts'
import { createTextbookEs256Signer, P256_ORDER, toBytes, toNumber } from '../fakes/textbook-es256.ts'

const utf8 = new TextEncoder()

/** RFC 7515 appendix A.3: the key and the signature over what it signs. */
const RFC_7515 = {
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  signingInput:
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
  signature: 'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
}

const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'))

const raw = (key: KeyObject): Uint8Array => {
  const { x = '', y = '' } = key.export({ format: 'jwk' }) as { x?: string; y?: string }
  return Uint8Array.of(4, ...decode(x), ...decode(y))
}

/** What every `Es256Verifier` must do. */
export function es256VerifierContract(name: string, create: () => Es256Verifier): void {
  describe(`the ES256 verifier ${name}`, () => {
    const verifier = create()
    const rfcKey = Uint8Array.of(4, ...decode(RFC_7515.x), ...decode(RFC_7515.y))
    const rfcMessage = utf8.encode(RFC_7515.signingInput)
    const rfcSignature = decode(RFC_7515.signature)

    it('accepts the signature of RFC 7515', () => {
      expect(verifier.verify(rfcKey, rfcMessage, rfcSignature)).toBe(true)
    })

    it('accepts what the runtime signed, and nothing else', () => {
      for (let round = 0; round < 5; round++) {
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const message = utf8.encode(`message ${round}`)
        const signature = new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
        expect(verifier.verify(raw(publicKey), message, signature)).toBe(true)
        expect(verifier.verify(rfcKey, message, signature)).toBe(false)
        expect(verifier.verify(raw(publicKey), utf8.encode('another'), signature)).toBe(false)
        for (const at of [0, 31, 32, 63]) {
          const changed = signature.with(at, (signature[at] ?? 0) ^ 1)
          expect(verifier.verify(raw(publicKey), message, changed), String(at)).toBe(false)
        }
      }
    })

    it('accepts what the formulas sign', () => {
      const signer = createTextbookEs256Signer(7n)
      expect(verifier.verify(signer.publicKey, rfcMessage, signer.sign(rfcMessage))).toBe(true)
    })

    it('does not take one key for another that it met before', () => {
      const [a, b] = [createTextbookEs256Signer(1n), createTextbookEs256Signer(2n)]
      for (let i = 0; i < 2; i++) {
        expect(verifier.verify(a.publicKey, rfcMessage, a.sign(rfcMessage))).toBe(true)
        expect(verifier.verify(b.publicKey, rfcMessage, a.sign(rfcMessage))).toBe(false)
        expect(verifier.verify(b.publicKey, rfcMessage, b.sign(rfcMessage))).toBe(true)
      }
    })

    it('accepts the twin of a signature, as the standard does', () => {
      const twin = toBytes(P256_ORDER - toNumber(rfcSignature.subarray(32)))
      expect(verifier.verify(rfcKey, rfcMessage, Uint8Array.of(...rfcSignature.subarray(0, 32), ...twin))).toBe(true)
    })

    it.each([
      ['r is zero', 0n, 1n],
      ['s is zero', 1n, 0n],
      ['both are zero', 0n, 0n],
      ['both are one', 1n, 1n],
      ['r is the order', P256_ORDER, 1n],
      ['s is the order', 1n, P256_ORDER],
      ['both are as large as they fit', 2n ** 256n - 1n, 2n ** 256n - 1n],
    ])('answers false when %s', (_, r, s) => {
      expect(verifier.verify(rfcKey, rfcMessage, Uint8Array.of(...toBytes(r), ...toBytes(s)))).toBe(false)
    })

    it('answers false when s is beyond the order, though equal to a good one modulo it', () => {
      // Hardly any s is small enough that s + n has 32 bytes, so the key is made to fit the signature.
      const s = 5n
      const k = 3n
      const r = toNumber(createTextbookEs256Signer(k).publicKey.subarray(1, 33)) % P256_ORDER
      const digest = toNumber(sha256(rfcMessage))
      const inverseOfR = power(r, P256_ORDER - 2n)
      const secret = ((((s * k - digest) % P256_ORDER) + P256_ORDER) * inverseOfR) % P256_ORDER
      const { publicKey } = createTextbookEs256Signer(secret)
      const signature = (number: bigint) => Uint8Array.of(...toBytes(r), ...toBytes(number))
      expect(verifier.verify(publicKey, rfcMessage, signature(s))).toBe(true)
      expect(verifier.verify(publicKey, rfcMessage, signature(s + P256_ORDER))).toBe(false)
    })

    it('answers false to DER, and to signatures of another length', () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      expect(verifier.verify(raw(publicKey), rfcMessage, new Uint8Array(sign('sha256', rfcMessage, privateKey)))).toBe(
        false,
      )
      for (const length of [0, 63, 65, 128]) {
        const fitted = new Uint8Array(length)
        fitted.set(rfcSignature.subarray(0, length))
        expect(verifier.verify(rfcKey, rfcMessage, fitted), String(length)).toBe(false)
      }
    })

    it('answers false to keys of another length or form, and to bytes that are no point', () => {
      const compressed = Uint8Array.of(2 + ((rfcKey[64] ?? 0) & 1), ...rfcKey.subarray(1, 33))
      const hybrid = rfcKey.with(0, 6 + ((rfcKey[64] ?? 0) & 1))
      const longer = Uint8Array.of(...rfcKey, 0)
      for (const key of [new Uint8Array(), rfcKey.subarray(1), longer, compressed, hybrid, rfcKey.with(64, 0)]) {
        expect(verifier.verify(key, rfcMessage, rfcSignature), String(key.length)).toBe(false)
      }
    })

    it('answers false to what was hashed with another function', () => {
      const d = 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI'
      const privateKey = createPrivateKey({
        key: { kty: 'EC', crv: 'P-256', x: RFC_7515.x, y: RFC_7515.y, d },
        format: 'jwk',
      })
      expect(raw(createPublicKey(privateKey))).toEqual(rfcKey)
      const signature = sign('sha512', rfcMessage, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      expect(verifier.verify(rfcKey, rfcMessage, new Uint8Array(signature))).toBe(false)
    })
  })
}

function sha256(message: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', message, 'buffer'))
}

/** Modulo the order of the group. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) {
    result = (result * result) % P256_ORDER
    if (bit === '1') result = (result * base) % P256_ORDER
  }
  return result
}
