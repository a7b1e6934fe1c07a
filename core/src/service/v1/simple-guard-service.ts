import { KeyAlgorithm, SimpleGuardService } from '@capiscio/proto/v1'
import { toDidKey } from '../../domain/did/did-key.ts'
import { defaultKeyId } from '../../domain/did/key-id.ts'
import { toPrivateKeyPem, toPublicKeyPem } from '../../domain/did/key-pem.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import type { Random } from '../../ports/random.ts'
import { implementService } from '../service-implementation.ts'

export interface SimpleGuardServiceOptions {
  readonly random: Random
  /** A signer for the private key that the 32-byte seed stands for (RFC 8032). */
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
}

/**
 * `capiscio.v1.SimpleGuardService`, as far as existing SDKs call it. The key pair goes back
 * to the caller and nothing of it stays here.
 */
export function createSimpleGuardService({ random, createSigner }: SimpleGuardServiceOptions) {
  return implementService(SimpleGuardService, {
    async generateKeyPair({ algorithm, keyId }) {
      // In this package errors travel in a field, with status OK.
      if (algorithm !== KeyAlgorithm.UNSPECIFIED && algorithm !== KeyAlgorithm.ED25519) {
        return { errorMessage: 'only Ed25519 algorithm is supported' }
      }
      const seed = random.bytes(32)
      const { publicKey } = createSigner(seed)
      return {
        keyId: keyId === '' ? defaultKeyId(publicKey) : keyId,
        publicKey,
        privateKey: seed,
        publicKeyPem: toPublicKeyPem(publicKey),
        privateKeyPem: toPrivateKeyPem(seed),
        algorithm: KeyAlgorithm.ED25519,
        didKey: toDidKey(publicKey),
      }
    },
  })
}
