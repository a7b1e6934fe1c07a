import { toDidKey } from '../../core/src/domain/did/did-key.ts'
import { type Ed25519PublicKey, parseEd25519PublicKey } from '../../core/src/domain/did/ed25519-public-key.ts'
import { createFakeIssuer } from '../fakes/issuer.ts'

/** A sound public key from a seed of one byte, and its did:key. */
export function sampleKey(seed: number): {
  readonly publicKey: Ed25519PublicKey
  readonly did: string
  readonly x: string
} {
  const { publicKey, jwk } = createFakeIssuer('sample', seed)
  return { publicKey: parseEd25519PublicKey(publicKey), did: toDidKey(publicKey), x: String(jwk['x']) }
}
