import { encodeBase64url } from '../../lib/base64url.ts'

/** The members of a key file (badges.md §15), public half. */
export interface PublicKeyJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

/** A public Ed25519 signing key of 32 raw bytes as JWK. */
export function toPublicJwk(publicKey: Uint8Array, kid: string): PublicKeyJwk {
  return { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(publicKey), kid, alg: 'EdDSA', use: 'sig' }
}

/** The same with its private half, a 32-byte seed. Secret. */
export function toPrivateJwk(
  publicKey: Uint8Array,
  seed: Uint8Array,
  kid: string,
): PublicKeyJwk & { readonly d: string } {
  const { kty, crv, x, ...names } = toPublicJwk(publicKey, kid)
  return { kty, crv, x, d: encodeBase64url(seed), ...names }
}
