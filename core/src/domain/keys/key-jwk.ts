import { encodeBase64url } from '../../lib/base64url.ts'

/** An Ed25519 public key as JWK, JSON text, named with its did:key (RFC 8037; badges.md §15). */
export function toPublicJwkText({
  publicKey,
  didKey,
}: {
  readonly publicKey: Uint8Array
  readonly didKey: string
}): string {
  return JSON.stringify({
    kty: 'OKP',
    crv: 'Ed25519',
    x: encodeBase64url(publicKey),
    kid: didKey,
    alg: 'EdDSA',
    use: 'sig',
  })
}
