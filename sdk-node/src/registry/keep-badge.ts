import {
  type BadgeKeeper,
  createBadgeKeeper,
  defaultKid,
  type RegistryClient,
  readBadge,
} from '@capiscio/proto/registry'
import { readOptions } from '@capiscio/proto/sdk'
import { type KeySource, requireKey } from '../key-source.ts'
import { proverOf } from './prover.ts'
import { requireServerId } from './register-server-identity.ts'
import { openRegistry, REGISTRY_OPTION_NAMES, type RegistryOptions } from './registry-options.ts'

/** Whose badge is kept, and what it says. */
export interface KeptBadgeOptions {
  /** Id of the server's record. Give this or `agentId`. */
  readonly serverId?: string | undefined
  /** Id or DID of the agent's record. */
  readonly agentId?: string | undefined
  /** With `privateKey`: the DID that the key belongs to. */
  readonly did?: string | undefined
  /** Proves possession for each badge: IAL-1. A `KeyObject`, or PEM (PKCS#8). */
  readonly privateKey?: KeySource | undefined
  /** Seconds that a badge lives, 60 to 3600. Default: up to the registry. */
  readonly ttlSeconds?: number | undefined
  /** Who may accept the badge. Default: everybody. */
  readonly audience?: readonly string[] | undefined
  /** For registries that ask for it. */
  readonly domain?: string | undefined
  /** A badge from before, used until it is renewed. */
  readonly initialBadge?: string | undefined
  /** Seconds before its end at which a badge is renewed. Default: a third of its life, at most 60. */
  readonly renewBeforeSeconds?: number | undefined
}

/** Options of `keepBadge`. */
export interface KeepBadgeOptions extends Omit<RegistryOptions, 'signal'>, KeptBadgeOptions {
  /** Time, for tests. Default: that of this process. */
  readonly time?: KeeperTime | undefined
}

/** Where a keeper takes time from. */
export interface KeeperTime {
  nowMs(): number
  /** Calls back once; the result takes it back. */
  after(ms: number, callback: () => void): () => void
  /** From 0 up to 1. */
  random(): number
}

const NAMES = [
  ...REGISTRY_OPTION_NAMES.filter((name) => name !== 'signal'),
  ...['serverId', 'agentId', 'did', 'privateKey', 'ttlSeconds', 'audience', 'domain', 'initialBadge'],
  ...['renewBeforeSeconds', 'time'],
]

/**
 * Starts to keep a badge fresh, and never gives out one that has expired.
 *
 * ```ts
 * await using keeper = keepBadge({ agentId: 'billing', apiKey, caUrl })
 * await withCredential({ badge: () => keeper.get() }, () => readDatabase({ query }))
 * ```
 *
 * @throws TypeError for wrong options, and when no registry is named. Whatever goes wrong later
 * is an event, and `get` and `current` throw `BadgeUnavailableError` when there is no good badge.
 */
export function keepBadge(options: KeepBadgeOptions): BadgeKeeper {
  readOptions(options, NAMES, 'The options of keepBadge')
  const { client } = openRegistry(options)
  return keepWith(client, options, options.time)
}

/** The same, with a client that is there. */
export function keepWith(
  client: RegistryClient,
  options: KeptBadgeOptions,
  time: KeeperTime = PROCESS_TIME,
): BadgeKeeper {
  const { serverId, agentId, did, privateKey, ttlSeconds, audience, domain, initialBadge, renewBeforeSeconds } = options
  if ((serverId === undefined) === (agentId === undefined))
    throw new TypeError('Give serverId or agentId, and not both.')
  if (serverId !== undefined) requireServerId(serverId)
  if (audience !== undefined && !Array.isArray(audience)) throw new TypeError('audience must be a list.')
  requireSeconds(ttlSeconds, 'ttlSeconds')
  requireSeconds(renewBeforeSeconds, 'renewBeforeSeconds')
  const terms = { ttlSeconds, audience, domain }
  const request = (): (() => ReturnType<RegistryClient['requestBadge']>) => {
    if (privateKey === undefined) {
      if (did !== undefined) throw new TypeError('did is for a proof of possession: give privateKey too.')
      const kind = serverId === undefined ? 'agent' : 'server'
      return () => client.requestBadge({ kind, reference: serverId ?? agentId ?? '' }, terms)
    }
    if (typeof did !== 'string') throw new TypeError('A proof of possession needs the did that the key belongs to.')
    const prover = proverOf(requireKey(privateKey, 'private'), defaultKid(did))
    return () => client.requestProvenBadge(did, prover, terms)
  }
  return createBadgeKeeper({
    request: request(),
    ...(initialBadge !== undefined && { initial: readInitial(initialBadge) }),
    ...(renewBeforeSeconds !== undefined && { renewBeforeMs: renewBeforeSeconds * 1000 }),
    nowMs: () => time.nowMs(),
    after: (ms, callback) => time.after(ms, callback),
    random: () => time.random(),
  })
}

const PROCESS_TIME: KeeperTime = {
  nowMs: Date.now,
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
}

function requireSeconds(value: unknown, name: string): void {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 86_400)) return
  throw new TypeError(`${name} must be a whole number of seconds from 1 to 86400.`)
}

function readInitial(badge: string) {
  try {
    return readBadge(badge)
  } catch {
    throw new TypeError('initialBadge must be a badge; leave it out where there is none.')
  }
}
