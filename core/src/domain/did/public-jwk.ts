import { DidRefused } from './did-refused.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from './ed25519-public-key.ts'
import { readKeyBytes, readSigningJwk } from './signing-jwk.ts'

/**
 * Reads a public Ed25519 signing key from a JWK (RFC 8037 §2): `kty` OKP, `crv` Ed25519,
 * `x` strict base64url of 32 bytes; `use` absent or `sig`, `alg` absent or `EdDSA`.
 *
 * @param jwk attacker-controlled, as it came out of the JSON parser
 * @throws {DidRefused} KEY_MALFORMED; KEY_WEAK; KEY_PRIVATE when the private half is there
 */
export function parsePublicJwk(jwk: unknown): Ed25519PublicKey {
  const members = readSigningJwk(jwk, 'EdDSA')
  const { kty, crv } = members
  if (kty !== 'OKP' || crv !== 'Ed25519') throw new DidRefused('KEY_MALFORMED', 'The JWK is not an Ed25519 key')
  return parseEd25519PublicKey(readKeyBytes(members, 'x'))
}
