import { decodeBase64url } from '../../lib/base64url.ts'
import { DidRefused } from './did-refused.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from './ed25519-public-key.ts'

/**
 * Reads a public Ed25519 signing key from a JWK (RFC 8037 §2): `kty` OKP, `crv` Ed25519,
 * `x` strict base64url of 32 bytes; `use` absent or `sig`, `alg` absent or `EdDSA`.
 *
 * @param jwk attacker-controlled, as it came out of the JSON parser
 * @throws {DidRefused} KEY_MALFORMED; KEY_WEAK; KEY_PRIVATE when the private half is there
 */
export function parsePublicJwk(jwk: unknown): Ed25519PublicKey {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    throw new DidRefused('KEY_MALFORMED', 'The JWK is not an object')
  }
  const { kty, crv, x, use, alg } = jwk as Readonly<Record<string, unknown>>
  // Whoever published a private key lost it: nothing signed with it means anything.
  if (Object.hasOwn(jwk, 'd')) {
    throw new DidRefused('KEY_PRIVATE', 'The JWK holds a private key: replace the key and publish only its public half')
  }
  if (kty !== 'OKP' || crv !== 'Ed25519') throw new DidRefused('KEY_MALFORMED', 'The JWK is not an Ed25519 key')
  if (use !== undefined && use !== 'sig') throw new DidRefused('KEY_MALFORMED', 'The JWK is not for signatures')
  if (alg !== undefined && alg !== 'EdDSA') throw new DidRefused('KEY_MALFORMED', 'The JWK is for another algorithm')
  const bytes = typeof x === 'string' ? decodeBase64url(x) : undefined
  if (bytes === undefined) throw new DidRefused('KEY_MALFORMED', 'The member x of the JWK is not base64url')
  return parseEd25519PublicKey(bytes)
}
