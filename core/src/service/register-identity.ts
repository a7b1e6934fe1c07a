import type { MessageInitShape } from '@bufbuild/protobuf'
import type { RegisterIdentityRequest, RegisterIdentityResponseSchema } from '@capiscio/proto/core/v1'
import { defaultKid, type Prover } from '@capiscio/proto/registry'
import { isDidKey, parseDidKey, toDidKey } from '../domain/did/did-key.ts'
import { DidRefused } from '../domain/did/did-refused.ts'
import { type Ed25519PublicKey, isSameKey } from '../domain/did/ed25519-public-key.ts'
import { checkKeyId } from '../domain/did/key-id.ts'
import { toPublicKeyPem } from '../domain/did/key-pem.ts'
import { parsePublicKey } from '../domain/registry/parse-public-key.ts'
import { RegistryRefused } from '../domain/registry/registry-refused.ts'
import type { Ed25519Signer } from '../ports/ed25519.ts'
import type { KeyStore, StoredKey } from '../ports/key-store.ts'
import { registrationFault } from './registration-fault.ts'
import type { RegistryClients } from './registry-clients.ts'
import { type FieldViolation, invalidArgument } from './rpc-fault.ts'

export interface RegisterIdentityOptions {
  readonly registries: RegistryClients
  readonly keyStore: KeyStore
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
}

type Handler = (request: RegisterIdentityRequest) => Promise<MessageInitShape<typeof RegisterIdentityResponseSchema>>

const MAX_ID = 128
const MAX_DID = 2048

/**
 * Handler of `CoreService.RegisterIdentity`: binds a DID and its key to a server's record at a
 * configured registry. A key of the key store proves possession; without one the identity is
 * registered unproven.
 */
export function createRegisterIdentity({ registries, keyStore, createSigner }: RegisterIdentityOptions): Handler {
  return async (request) => {
    const { serverId, apiKey } = request
    const violations: FieldViolation[] = []
    const complain = (field: string, description: string): undefined => void violations.push({ field, description })

    const registry = registries.find(request.registry)
    if (typeof registry === 'string') complain('registry', registry)
    if (serverId === '' || serverId.length > MAX_ID) complain('server_id', `is required, at most ${MAX_ID} characters`)
    // It becomes a header: anything else could not be sent.
    if (!/^[!-~]{1,512}$/.test(apiKey)) complain('api_key', 'is required, at most 512 visible ASCII characters')
    const key = await storedKey(request.keyId, keyStore, complain)
    const publicKey = decidePublicKey(request, key, complain)
    const did = request.did === '' && key !== undefined ? toDidKey(key.publicKey) : request.did
    checkDid(did, publicKey, complain)
    if (typeof registry === 'string' || publicKey === undefined || violations.length > 0) {
      throw invalidArgument(violations)
    }
    try {
      const { proven, alreadyRegistered, ...registered } = await registries.open(registry, apiKey).register(
        { kind: 'server', reference: serverId },
        {
          did,
          publicKey: toPublicKeyPem(publicKey),
          prover: key && toProver(key, did, createSigner),
        },
      )
      return { serverId: registered.id, did, proven, alreadyRegistered }
    } catch (cause) {
      throw registrationFault(cause)
    }
  }
}

type Complain = (field: string, description: string) => undefined

async function storedKey(id: string, store: KeyStore, complain: Complain): Promise<StoredKey | undefined> {
  if (id === '') return undefined
  const problem = checkKeyId(id)
  if (problem !== undefined) return complain('key_id', problem)
  return (await store.find(id)) ?? complain('key_id', 'names no key in the key store: make it with GenerateKeypair')
}

/** A stored key says which public key is meant; one that is given besides must be the same. */
function decidePublicKey(
  { publicKey: text, keyId }: RegisterIdentityRequest,
  key: StoredKey | undefined,
  complain: Complain,
): Ed25519PublicKey | undefined {
  if (text === '') {
    if (key !== undefined) return key.publicKey as Ed25519PublicKey
    return keyId === '' ? complain('public_key', 'is required without key_id') : undefined
  }
  try {
    const given = parsePublicKey(text)
    if (key === undefined || isSameKey(given, key.publicKey as Ed25519PublicKey)) return given
    return complain('public_key', 'is another key than that of key_id: leave one of them out')
  } catch (refused) {
    if (!(refused instanceof RegistryRefused)) throw refused
    return complain('public_key', refused.message)
  }
}

function checkDid(did: string, publicKey: Ed25519PublicKey | undefined, complain: Complain): void {
  if (did.length > MAX_DID || !/^did:(?:key|web):[!-~]+$/.test(did)) {
    complain('did', 'must be a did:key or did:web; it may be left out with key_id')
    return
  }
  if (!isDidKey(did)) return
  try {
    const inside = parseDidKey(did)
    if (publicKey !== undefined && !isSameKey(inside, publicKey)) complain('did', 'holds another key than public_key')
  } catch (refused) {
    if (!(refused instanceof DidRefused)) throw refused
    complain('did', refused.message)
  }
}

function toProver(key: StoredKey, did: string, createSigner: RegisterIdentityOptions['createSigner']): Prover {
  const signer = createSigner(key.seed)
  return { kid: defaultKid(did), sign: (message) => signer.sign(message) }
}
