import { encodeBase64url } from '../../core/src/lib/base64url.ts'
import { createTextbookEs256Signer } from './textbook-es256.ts'

/** An issuer with a P-256 key. */
export interface FakeEs256Issuer {
  readonly kid: string
  /** The public key as an entry of a key set. */
  readonly jwk: Readonly<Record<string, unknown>>
  /** A compact JWS over the two objects. */
  sign(header: object, payload: object): string
}

export function createFakeEs256Issuer(kid: string, secret: bigint): FakeEs256Issuer {
  const { publicKey, sign } = createTextbookEs256Signer(secret)
  const encode = (part: object): string => encodeBase64url(new TextEncoder().encode(JSON.stringify(part)))
  return {
    kid,
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      kid,
      x: encodeBase64url(publicKey.subarray(1, 33)),
      y: encodeBase64url(publicKey.subarray(33)),
      use: 'sig',
      alg: 'ES256',
    },
    sign(header, payload) {
      const signingInput = `${encode(header)}.${encode(payload)}`
      return `${signingInput}.${encodeBase64url(sign(new TextEncoder().encode(signingInput)))}`
    },
  }
}
