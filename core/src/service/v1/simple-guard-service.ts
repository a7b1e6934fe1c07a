import { KeyAlgorithm, SimpleGuardService } from '@capiscio/proto/v1'
import { checkKeyId } from '../../domain/did/key-id.ts'
import { toPrivateKeyPem, toPublicKeyPem } from '../../domain/did/key-pem.ts'
import type { KeyMaker } from '../../domain/keys/key-maker.ts'
import { KeyRefused } from '../../domain/keys/key-refused.ts'
import type { KeyStore } from '../../ports/key-store.ts'
import { implementService } from '../service-implementation.ts'

export interface SimpleGuardServiceOptions {
  readonly keys: KeyMaker
  readonly store: Pick<KeyStore, 'find'>
}

/**
 * `capiscio.v1.SimpleGuardService`, as far as it makes and describes keys. In this package
 * errors travel in a field, with status OK.
 *
 * What signs for a caller is not offered. `Sign` takes any bytes, and bytes can be the
 * signing input of a badge or of a proof of possession; `SignAttached` takes any payload,
 * and verifiers that do not look at `typ` take a signed payload for a badge. Nor are
 * `LoadKey` and `ExportKey`, which read and write files of the caller's choice.
 */
export function createSimpleGuardService({ keys, store }: SimpleGuardServiceOptions) {
  return implementService(SimpleGuardService, {
    async generateKeyPair({ algorithm, keyId }) {
      if (algorithm !== KeyAlgorithm.UNSPECIFIED && algorithm !== KeyAlgorithm.ED25519) {
        return { errorMessage: 'only Ed25519 algorithm is supported' }
      }
      try {
        // The old contract always gives the private key. What is given is not kept.
        const { id, publicKey, didKey, seed = new Uint8Array() } = await keys.make(keyId, false)
        return {
          keyId: id,
          publicKey,
          privateKey: seed,
          publicKeyPem: toPublicKeyPem(publicKey),
          privateKeyPem: toPrivateKeyPem(seed),
          algorithm: KeyAlgorithm.ED25519,
          didKey,
        }
      } catch (refused) {
        if (!(refused instanceof KeyRefused)) throw refused
        return { errorMessage: refused.code === 'KEY_ID_INVALID' ? `key_id ${refused.message}` : refused.message }
      }
    },

    async getKeyInfo({ keyId }) {
      const key = checkKeyId(keyId) === undefined ? await store.find(keyId) : undefined
      if (key === undefined) return { errorMessage: 'no key of this name is kept here' }
      return {
        keyId: key.id,
        algorithm: KeyAlgorithm.ED25519,
        hasPrivateKey: true,
        publicKey: key.publicKey,
        publicKeyPem: toPublicKeyPem(key.publicKey),
        createdAt: { value: new Date(key.createdAtMs).toISOString() },
      }
    },
  })
}
