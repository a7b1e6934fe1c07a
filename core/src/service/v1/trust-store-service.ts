import type { MessageInitShape } from '@bufbuild/protobuf'
import { KeyAlgorithm, KeyFormat, type TrustedKeySchema, TrustStoreService } from '@capiscio/proto/v1'
import { isDidKey, parseDidKey } from '../../domain/did/did-key.ts'
import { DidRefused } from '../../domain/did/did-refused.ts'
import { isSameKey } from '../../domain/did/ed25519-public-key.ts'
import { defaultKeyId } from '../../domain/did/key-id.ts'
import { toPublicJwk } from '../../domain/did/key-jwk.ts'
import { TrustRefused } from '../../domain/trust/trust-refused.ts'
import type { TrustedKeys, TrustStore } from '../../domain/trust/trust-store.ts'
import {
  ownerOf,
  parseTrustedIssuer,
  type TrustedKey,
  trustAgentKey,
  trustIssuerKey,
} from '../../domain/trust/trusted-key.ts'
import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { invalidArgument, RpcFault } from '../rpc-fault.ts'
import { implementService } from '../service-implementation.ts'
import { parseOldPublicKey } from './old-public-key.ts'

const PAGE = { usual: 100, max: 1000 } as const

export interface TrustStoreServiceOptions {
  readonly store: TrustStore
  /** Called after every change, before its answer: what was answered is in force. */
  readonly changed: () => Promise<void>
  readonly nowMs: () => number
}

/**
 * `capiscio.v1.TrustStoreService`: the pinned keys of this core. A key belongs to an issuer
 * (its origin, or `did:web:HOST`) or is an agent's own (did:key); the answers name issuers
 * by their origin.
 *
 * A caller names no folder of the server: import takes over the older layout of the trust
 * store itself, and export is refused.
 */
export function createTrustStoreService({ store, changed, nowMs }: TrustStoreServiceOptions) {
  /** The keys of a DID, or of an issuer. */
  async function keysOf(did: string): Promise<readonly TrustedKey[]> {
    const owner = isDidKey(did) ? did : parseTrustedIssuer(did)
    return allKeys(await store.look()).filter((key) => ownerOf(key) === owner)
  }

  function read(request: { did: string; publicKey: Uint8Array; format: KeyFormat; metadata: Record<string, string> }) {
    const { did, publicKey: bytes, format, metadata } = request
    const details = { addedAtMs: nowMs(), metadata: new Map(Object.entries(metadata)) }
    if (!isDidKey(did)) {
      const { publicKey, kid } = parseOldPublicKey(bytes, format)
      return trustIssuerKey(did, kid ?? defaultKeyId(publicKey), publicKey, details)
    }
    // A did:key says everything; a key beside it may not say something else.
    if (bytes.length > 0 && !isSameKey(parseOldPublicKey(bytes, format).publicKey, parseDidKey(did))) {
      throw new DidRefused('KEY_MALFORMED', 'public_key is another key than the one in did')
    }
    return trustAgentKey(did, details)
  }

  return implementService(TrustStoreService, {
    addKey: async (request) =>
      orMessage(async () => {
        const key = read(request)
        await store.add(key)
        await changed()
        return { keyId: key.kid }
      }),

    removeKey: async ({ did, keyId }) =>
      orMessage(async () => {
        const keys = (await keysOf(did)).filter(({ kid }) => keyId === '' || kid === keyId)
        const removed = await removeAll(store, keys)
        await changed()
        return { keysRemoved: removed }
      }),

    getKey: async ({ did, keyId }) =>
      orMessage(async () => {
        const key = (await keysOf(did)).find(({ kid }) => keyId === '' || kid === keyId)
        return key === undefined ? { errorMessage: 'No such key is pinned' } : { key: encode(key) }
      }),

    listKeys: async ({ didFilter, limit, cursor }) =>
      orStatus(async () => {
        const after = cursor === '' ? undefined : decodeBase64url(cursor)
        if (limit < 0) throw invalidArgument([{ field: 'limit', description: 'must not be negative; 0 means 100' }])
        if (cursor !== '' && after === undefined) {
          throw invalidArgument([{ field: 'cursor', description: 'must be the next_cursor of an earlier answer' }])
        }
        const keys = didFilter === '' ? allKeys(await store.look()) : await keysOf(didFilter)
        // By place in the order and not by number, so that a removed key shifts nobody out of sight.
        const last = after === undefined ? '' : new TextDecoder().decode(after)
        const rest = keys.filter((key) => placeOf(key) > last).sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
        const page = rest.slice(0, limit === 0 ? PAGE.usual : Math.min(limit, PAGE.max))
        const end = page.at(-1)
        const more = end !== undefined && rest.length > page.length
        return {
          keys: page.map(encode),
          nextCursor: more ? encodeBase64url(new TextEncoder().encode(placeOf(end))) : '',
          totalCount: keys.length,
        }
      }),

    isTrusted: async ({ did }) =>
      orStatus(
        async () => {
          const [key] = await keysOf(did)
          return { isTrusted: key !== undefined, ...(key && { key: encode(key) }) }
        },
        { isTrusted: false },
      ),

    async importFromDirectory({ directoryPath }) {
      if (directoryPath !== '' && directoryPath !== '.') return { errors: [NO_FOLDERS] }
      try {
        const { added, present, problems } = await store.takeOver()
        await changed()
        const errors = problems.map(({ name, reason }) => `${name}: ${reason}`)
        return { keysImported: added, keysSkipped: present + problems.length, errors }
      } catch (refused) {
        return { errors: [messageOf(refused)] }
      }
    },

    exportToDirectory: async () => ({ errorMessage: NO_FOLDERS }),

    clear: async ({ confirm }) =>
      orStatus(async () => {
        if (!confirm)
          throw invalidArgument([{ field: 'confirm', description: 'must be true to remove every pinned key' }])
        const cleared = await removeAll(store, allKeys(await store.look()))
        await changed()
        return { keysCleared: cleared }
      }),
  })
}

const NO_FOLDERS =
  'A caller names no folder of the server. Keys come by AddKey or "capiscio trust add", and go out by ListKeys or "capiscio trust list --json"; an empty directory_path takes over the older layout of the trust store'

function allKeys({ issuerKeys, agentKeys }: TrustedKeys): readonly TrustedKey[] {
  return [...issuerKeys, ...agentKeys]
}

/** Orders keys by owner and key id; neither holds the control character between them. */
function placeOf(key: TrustedKey): string {
  return `${ownerOf(key)}\x00${key.kid}`
}

async function removeAll(store: TrustStore, keys: readonly TrustedKey[]): Promise<number> {
  let removed = 0
  for (const key of keys) if (await store.remove(key)) removed++
  return removed
}

function encode(key: TrustedKey): MessageInitShape<typeof TrustedKeySchema> {
  const jwk = toPublicJwk(key.publicKey, key.kid)
  return {
    did: ownerOf(key),
    keyId: key.kid,
    algorithm: KeyAlgorithm.ED25519,
    publicKey: new TextEncoder().encode(JSON.stringify(jwk)),
    format: KeyFormat.JWK,
    addedAt: { value: new Date(key.addedAtMs).toISOString() },
    metadata: Object.fromEntries(key.metadata),
  }
}

/** What this package says in a field; everything else is a fault. */
function messageOf(refused: unknown): string {
  const expected =
    refused instanceof DidRefused || refused instanceof TrustRefused || refused instanceof SourceUnavailable
  if (!expected) throw refused
  return refused.message
}

async function orMessage<T extends object>(answer: () => Promise<T>): Promise<T | { errorMessage: string }> {
  try {
    return await answer()
  } catch (refused) {
    return { errorMessage: messageOf(refused) }
  }
}

/** For answers without a field for errors. What cannot be a DID is answered with `unknown`, where that is an answer. */
async function orStatus<T extends object, U extends object>(answer: () => Promise<T>, unknown?: U): Promise<T | U> {
  try {
    return await answer()
  } catch (refused) {
    const message = messageOf(refused)
    if (refused instanceof SourceUnavailable) throw new RpcFault('FAILED_PRECONDITION', message, { cause: refused })
    if (unknown !== undefined) return unknown
    throw invalidArgument([{ field: 'did_filter', description: message }])
  }
}
