import { decodeBase64url } from '../../lib/base64url.ts'
import { DidRefused } from './did-refused.ts'

type Members = Readonly<Record<string, unknown>>

/**
 * The members of a JWK that may be a public key for signatures of one algorithm: `use` absent
 * or `sig`, `alg` absent or that one, no private half.
 *
 * @param jwk attacker-controlled, as it came out of the JSON parser
 * @throws {DidRefused} KEY_MALFORMED; KEY_PRIVATE when the private half is there
 */
export function readSigningJwk(jwk: unknown, algorithm: 'EdDSA' | 'ES256'): Members {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    throw new DidRefused('KEY_MALFORMED', 'The JWK is not an object')
  }
  const { use, alg } = jwk as Members
  // Whoever published a private key lost it: nothing signed with it means anything.
  if (Object.hasOwn(jwk, 'd')) {
    throw new DidRefused('KEY_PRIVATE', 'The JWK holds a private key: replace the key and publish only its public half')
  }
  if (use !== undefined && use !== 'sig') throw new DidRefused('KEY_MALFORMED', 'The JWK is not for signatures')
  if (alg !== undefined && alg !== algorithm) throw new DidRefused('KEY_MALFORMED', 'The JWK is for another algorithm')
  return jwk as Members
}

/** A member that holds bytes as strict base64url. @throws {DidRefused} KEY_MALFORMED */
export function readKeyBytes(jwk: Members, name: 'x' | 'y'): Uint8Array {
  const text = jwk[name]
  const bytes = typeof text === 'string' ? decodeBase64url(text) : undefined
  if (bytes === undefined) throw new DidRefused('KEY_MALFORMED', `The member ${name} of the JWK is not base64url`)
  return bytes
}
