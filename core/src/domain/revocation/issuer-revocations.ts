import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import { type RevocationStore, StoredRevocationsDamaged } from '../../ports/revocation-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'
import type { VersionedFile } from '../../ports/versioned-file.ts'
import { FETCH_LIMITS } from './fetch-revocations.ts'
import type { IssuerApi } from './issuer-api.ts'
import { createIssuerStanding } from './issuer-standing.ts'
import { createLiveStatus, type LiveStatus } from './live-status.ts'
import {
  emptyRevocationList,
  openRevocationList,
  type RevocationList,
  type RevocationListOptions,
} from './revocation-list.ts'
import { createSnapshotReader } from './snapshot-reader.ts'
import type { StatusMode, StatusTolerance } from './status-verdict.ts'
import { syncList } from './sync-list.ts'
import { createSyncSchedule, isSourceFailure } from './sync-schedule.ts'

/** Most revocations of one issuer. */
export const MAX_ENTRIES = 10_000_000

/** How what became of an issuer's badges is learned. */
export interface IssuerSources {
  /** Absent where the issuer is not reached. */
  readonly api?: IssuerApi
  /** A file that says it instead. Only in mode `offline`. */
  readonly snapshot?: VersionedFile
}

export interface IssuerRevocationsOptions {
  readonly issuer: string
  readonly mode: StatusMode
  readonly sources: IssuerSources
  readonly tolerance: StatusTolerance
  readonly maxStalenessMs: number
  readonly clockSkewMs: number
  /** How long a live `not revoked` or `active` counts, in milliseconds. */
  readonly statusMaxAgeMs: number
  /** Live answers that are kept, of each kind. */
  readonly statusMaxEntries: number
  readonly syncIntervalMs: number
  readonly store: RevocationStore
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  readonly telemetry: Pick<Telemetry, 'revocationsSynced' | 'statusAsked' | 'warning' | 'fault'>
  /** Default `MAX_ENTRIES`. */
  readonly maxEntries?: number
}

/** Everything that is known and asked about the badges of one issuer. */
export interface IssuerRevocations {
  readonly issuer: string
  readonly mode: StatusMode
  readonly standing: BadgeStatusSource
  /** The same from what is remembered alone, whatever the mode: nobody is asked. */
  readonly offlineStanding: BadgeStatusSource
  readonly list: RevocationList
  /** Absent in mode `offline`. */
  readonly live?: LiveStatus
  /** Absent where the issuer is not reached. */
  readonly api?: IssuerApi
  /** Absent where there is nothing to sync from. Rejects with `SourceUnavailable` or `RevocationRefused`. */
  readonly sync?: () => Promise<void>
  /** Begins to sync. */
  start(): void
  /**
   * Reads the snapshot again. Resolves to what puts it in force.
   *
   * @throws {RevocationRefused} SNAPSHOT_MALFORMED; what was in force stays
   */
  reread(): Promise<() => Promise<void>>
  /** Ends the sync that is under way. */
  stop(): Promise<void>
}

export async function openIssuerRevocations(options: IssuerRevocationsOptions): Promise<IssuerRevocations> {
  const { issuer, mode, sources, clock, clockSkewMs, timer, random, telemetry, maxEntries = MAX_ENTRIES } = options
  const { api, snapshot } = sources
  const list = await openList({ ...options, maxEntries, store: snapshot ? undefined : options.store }, telemetry)
  const reader = snapshot && createSnapshotReader(snapshot, list, maxEntries)

  const work = async (signal: AbortSignal): Promise<void> => {
    if (reader !== undefined) await (await reader.prepare())()
    else if (api !== undefined) {
      await syncList({ list, api, clock, clockSkewMs, maxEntries, limits: FETCH_LIMITS, signal })
    }
    const { syncedAtMs } = list
    telemetry.revocationsSynced({ issuer, outcome: 'complete', entries: list.set.size, syncedAtMs })
  }
  const onFailure = (cause: unknown): void => {
    const reason = isSourceFailure(cause) ? cause.message : 'an unexpected fault'
    if (!isSourceFailure(cause)) telemetry.fault({ where: 'revocation_sync', cause })
    telemetry.revocationsSynced({
      issuer,
      outcome: 'failed',
      entries: list.set.size,
      syncedAtMs: list.syncedAtMs,
      reason,
    })
  }
  const syncs = reader !== undefined || (api !== undefined && mode !== 'online')
  const schedule = syncs
    ? createSyncSchedule({ work, intervalMs: options.syncIntervalMs, timer, random, onFailure })
    : undefined

  const asksLive = api !== undefined && mode !== 'offline'
  const live = asksLive
    ? createLiveStatus({
        ...{ issuer, api, clock, maxAgeMs: options.statusMaxAgeMs, maxEntries: options.statusMaxEntries },
        onAsked: telemetry.statusAsked,
      })
    : undefined

  return {
    issuer,
    mode,
    list,
    ...(live && { live }),
    ...(api && { api }),
    ...(schedule && { sync: schedule.now }),
    standing: createIssuerStanding({
      ...options,
      list,
      ...(live && { live: { badge: live.badges.ask, agent: live.agents.ask } }),
      onNotKept: (cause) => telemetry.fault({ where: 'revocation_store', cause }),
      ...(schedule && mode === 'offline' && { refresh: schedule.now }),
    }),
    offlineStanding: createIssuerStanding({
      ...options,
      mode: 'offline',
      list,
      ...(live && { live: { badge: live.badges.recall, agent: live.agents.recall } }),
    }),
    start: () => schedule?.start(),
    reread: async () => (reader === undefined ? async () => {} : reader.prepare()),
    stop: async () => schedule?.stop(),
  }
}

/** A damaged file is no knowledge: everything that relies on it is stale until the next sync. */
async function openList(
  options: RevocationListOptions,
  telemetry: Pick<Telemetry, 'warning'>,
): Promise<RevocationList> {
  try {
    return await openRevocationList(options)
  } catch (error) {
    if (!(error instanceof StoredRevocationsDamaged || error instanceof RangeError)) throw error
    const message = `The stored revocations of ${options.issuer} count for nothing: ${error.message}. They are put aside with the next complete sync.`
    telemetry.warning({ code: 'REVOCATION_CACHE_DAMAGED', message })
    return emptyRevocationList(options)
  }
}
