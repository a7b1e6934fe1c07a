import { DidRefused } from '../domain/did/did-refused.ts'
import type { Ed25519PublicKey } from '../domain/did/ed25519-public-key.ts'
import { parsePublicJwk } from '../domain/did/public-jwk.ts'

type Jwk = Readonly<Record<string, unknown>>

/**
 * Reads a public key that somebody gave to a command, and says what to give instead of a
 * private one.
 *
 * @throws {DidRefused}
 */
export function readPublicKey(jwk: Jwk): Ed25519PublicKey {
  if (Object.hasOwn(jwk, 'd')) {
    throw new DidRefused(
      'KEY_PRIVATE',
      'The JWK holds a private key (member d), and nothing of it was kept: give the public half, which "capiscio key gen" writes to public.jwk',
    )
  }
  return parsePublicJwk(jwk)
}

export function kidOf({ kid }: Jwk): string | undefined {
  return typeof kid === 'string' ? kid : undefined
}
