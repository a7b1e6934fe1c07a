import { encodeBase64url } from '../../lib/base64url.ts'
import { sha256Base64url } from '../../lib/sha256.ts'

/** The JWK thumbprint (RFC 7638) of an Ed25519 public key of 32 raw bytes: 43 characters of base64url. */
export function keyThumbprint(publicKey: Uint8Array): string {
  return sha256Base64url(`{"crv":"Ed25519","kty":"OKP","x":"${encodeBase64url(publicKey)}"}`)
}
