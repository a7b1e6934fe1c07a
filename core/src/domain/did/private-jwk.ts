import { decodeBase64url } from '../../lib/base64url.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { DidRefused } from './did-refused.ts'
import { type Ed25519PublicKey, isSameKey } from './ed25519-public-key.ts'
import { parsePublicJwk } from './public-jwk.ts'

/** A private Ed25519 key with the name that its JWK gives it. */
export interface PrivateKey {
  readonly signer: Ed25519Signer
  readonly kid: string | undefined
}

/**
 * Reads a private Ed25519 signing key from a JWK (RFC 8037 §2). Its two halves must belong
 * together: whatever is signed would otherwise verify under no key that anybody knows.
 *
 * @param jwk secret, as it came out of the JSON parser; no message quotes it
 * @param createSigner a signer for the private key that the 32-byte seed stands for
 * @throws {DidRefused} KEY_MALFORMED, KEY_WEAK; KEY_NOT_PRIVATE without the private half
 */
export function parsePrivateJwk(jwk: unknown, createSigner: (seed: Uint8Array) => Ed25519Signer): PrivateKey {
  const { d, ...publicHalf } = typeof jwk === 'object' && jwk !== null ? (jwk as Readonly<Record<string, unknown>>) : {}
  const publicKey = parsePublicJwk(publicHalf)
  if (d === undefined) {
    throw new DidRefused('KEY_NOT_PRIVATE', 'The JWK is a public key, and signing needs the private one')
  }
  const seed = typeof d === 'string' ? decodeBase64url(d) : undefined
  if (seed?.length !== 32) throw new DidRefused('KEY_MALFORMED', 'The member d of the JWK is not base64url of 32 bytes')
  const signer = createSigner(seed)
  if (!isSameKey(publicKey, signer.publicKey as Ed25519PublicKey)) {
    throw new DidRefused('KEY_MALFORMED', 'The members x and d of the JWK belong to different keys')
  }
  const { kid } = publicHalf
  return { signer, kid: typeof kid === 'string' ? kid : undefined }
}
