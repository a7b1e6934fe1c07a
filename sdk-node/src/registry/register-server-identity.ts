import { defaultKid, type RegisteredSubject, RegistrationError, type RegistryClient } from '@capiscio/proto/registry'
import { readOptions } from '@capiscio/proto/sdk'
import { type KeySource, requireKey } from '../key-source.ts'
import { proverOf } from './prover.ts'
import { openRegistry, REGISTRY_OPTION_NAMES, type RegistryOptions } from './registry-options.ts'

/** Options of `registerServerIdentity`. */
export interface RegisterServerIdentityOptions extends RegistryOptions {
  /** Id of the server's record at the registry. */
  readonly serverId: string
  /** did:key of the key, or did:web whose document has it. */
  readonly did: string
  /** PEM (SPKI), a JWK as JSON text, or base64 of 32 bytes. */
  readonly publicKey: string
  /** Proves possession when given: a `KeyObject`, or PEM (PKCS#8). It stays here. */
  readonly privateKey?: KeySource | undefined
  /** Make the record if the registry has none. Default false. */
  readonly create?: boolean | undefined
  /** With `create`: what the record is called. Default: its id. */
  readonly name?: string | undefined
}

/** What became of a registration. */
export interface ServerRegistration {
  /** Id of the record, as the registry gives it. */
  readonly serverId: string
  /** DID that is bound to the record now. */
  readonly did: string
  /** `registered` now, or `already-registered` before with the same key, or `created` as a new record. */
  readonly status: 'registered' | 'already-registered' | 'created'
  /** Whether the registry saw a proof of possession. */
  readonly proven: boolean
  /** Account that the server belongs to; undefined where the registry does not say. */
  readonly orgId: string | undefined
}

const NAMES = [...REGISTRY_OPTION_NAMES, 'serverId', 'did', 'publicKey', 'privateKey', 'create', 'name'] as const

/**
 * Binds a DID and its key to a server's record at a registry. Doing it again with the same key
 * changes nothing.
 *
 * @throws TypeError for wrong options, and when no registry is named.
 * @throws RegistrationError when the registry refuses (`statusCode` 400, 401, 404; 409 for
 * another key) or does not answer.
 */
export async function registerServerIdentity(options: RegisterServerIdentityOptions): Promise<ServerRegistration> {
  readOptions(options, NAMES, 'The options of registerServerIdentity')
  const { client } = openRegistry(options)
  return registerWith(client, options)
}

/** The same, with a client that is there. */
export async function registerWith(
  client: RegistryClient,
  options: Pick<RegisterServerIdentityOptions, 'serverId' | 'did' | 'publicKey' | 'privateKey' | 'create' | 'name'>,
): Promise<ServerRegistration> {
  const { serverId, did, publicKey, privateKey, create = false, name = serverId } = options
  requireServerId(serverId)
  if (typeof did !== 'string' || !/^did:(?:key|web):[!-~]+$/.test(did)) {
    throw new TypeError('did must be a did:key or did:web.')
  }
  if (typeof publicKey !== 'string') throw new TypeError('publicKey must be text: PEM, a JWK as JSON, or base64.')
  if (publicKey.includes('PRIVATE KEY-----')) throw new TypeError('publicKey is a private key: it was not sent.')
  if (typeof create !== 'boolean') throw new TypeError('create must be true or false.')
  if (typeof name !== 'string' || name.trim() === '') throw new TypeError('name must be a non-empty string.')
  const prover = privateKey === undefined ? undefined : proverOf(requireKey(privateKey, 'private'), defaultKid(did))
  const subject = { kind: 'server', reference: serverId } as const
  const identity = { did, publicKey, prover }
  try {
    const stored = await client.register(subject, identity)
    return toRegistration(stored, stored.alreadyRegistered ? 'already-registered' : 'registered')
  } catch (refused) {
    if (!create || !(refused instanceof RegistrationError) || refused.statusCode !== 404) throw refused
    return toRegistration(await client.create(subject, name, identity), 'created')
  }
}

/** @throws TypeError */
export function requireServerId(serverId: unknown): asserts serverId is string {
  if (typeof serverId !== 'string' || !/^[!-~]{1,128}$/.test(serverId)) {
    throw new TypeError('serverId must be the id of the server at the registry, 1 to 128 characters.')
  }
}

function toRegistration(stored: RegisteredSubject, status: ServerRegistration['status']): ServerRegistration {
  const { id, did, proven, orgId } = stored
  return { serverId: id, did, status, proven, orgId }
}
