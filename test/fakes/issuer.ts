import { createNodeEd25519Signer } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { encodeBase64url } from '../../core/src/lib/base64url.ts'

/** A key pair from a fixed seed, and everything that can be signed with it. */
export interface FakeIssuer {
  readonly kid: string
  readonly publicKey: Uint8Array
  /** The public key as an entry of a key set. */
  readonly jwk: Readonly<Record<string, unknown>>
  /** A compact JWS over the two objects. */
  sign(header: object, payload: object): string
  /** A compact JWS over two parts that need not be JSON, or even UTF-8. */
  signRaw(header: string | Uint8Array, payload: string | Uint8Array): string
}

/** @param seed one byte, repeated 32 times, or the 32 bytes */
export function createFakeIssuer(kid: string, seed: number | Uint8Array): FakeIssuer {
  const signer = createNodeEd25519Signer(typeof seed === 'number' ? new Uint8Array(32).fill(seed) : seed)
  const utf8 = new TextEncoder()
  const encode = (part: string | Uint8Array): string =>
    encodeBase64url(typeof part === 'string' ? utf8.encode(part) : part)

  function signRaw(header: string | Uint8Array, payload: string | Uint8Array): string {
    const signingInput = `${encode(header)}.${encode(payload)}`
    return `${signingInput}.${encodeBase64url(signer.sign(utf8.encode(signingInput)))}`
  }
  return {
    kid,
    publicKey: signer.publicKey,
    jwk: { kty: 'OKP', crv: 'Ed25519', kid, x: encodeBase64url(signer.publicKey), use: 'sig', alg: 'EdDSA' },
    sign: (header, payload) => signRaw(JSON.stringify(header), JSON.stringify(payload)),
    signRaw,
  }
}
