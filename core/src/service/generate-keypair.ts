import type { MessageInitShape } from '@bufbuild/protobuf'
import type { GenerateKeypairRequest, GenerateKeypairResponseSchema } from '@capiscio/proto/core/v1'
import { toPrivateKeyPem, toPublicKeyPem } from '../domain/did/key-pem.ts'
import { toPublicJwkText } from '../domain/keys/key-jwk.ts'
import type { KeyMaker } from '../domain/keys/key-maker.ts'
import { KeyRefused } from '../domain/keys/key-refused.ts'
import { invalidArgument, RpcFault } from './rpc-fault.ts'

/** Handler of `CoreService.GenerateKeypair`. */
export function createGenerateKeypair(
  keys: KeyMaker,
): (request: GenerateKeypairRequest) => Promise<MessageInitShape<typeof GenerateKeypairResponseSchema>> {
  return async ({ keyId, keepPrivateKey }) => {
    try {
      const key = await keys.make(keyId, keepPrivateKey)
      return {
        keyId: key.id,
        didKey: key.didKey,
        publicKeyPem: toPublicKeyPem(key.publicKey),
        publicKeyJwk: toPublicJwkText(key),
        ...(key.seed !== undefined && { privateKeyPem: toPrivateKeyPem(key.seed) }),
      }
    } catch (refused) {
      if (!(refused instanceof KeyRefused)) throw refused
      if (refused.code === 'KEY_ID_TAKEN') throw new RpcFault('ALREADY_EXISTS', refused.message)
      throw invalidArgument([{ field: 'key_id', description: refused.message }])
    }
  }
}
