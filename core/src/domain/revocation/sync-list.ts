import type { Clock } from '../../ports/clock.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { type FetchLimits, fetchRevocations } from './fetch-revocations.ts'
import type { IssuerApi } from './issuer-api.ts'
import type { RevocationList } from './revocation-list.ts'
import { createRevocationSet } from './revocation-set.ts'

export interface SyncOptions {
  readonly list: RevocationList
  readonly api: IssuerApi
  readonly clock: Clock
  readonly clockSkewMs: number
  readonly maxEntries: number
  readonly limits: FetchLimits
  readonly signal?: AbortSignal
}

/**
 * Brings a list up to date from its issuer: everything since the last complete sync, less
 * the tolerated skew. The list is fresh again only when every page was read.
 *
 * Nothing is forgotten by age. A list that would grow beyond its bound is asked for anew,
 * whole, and then holds what the issuer still names: it may have dropped what expired.
 *
 * @throws {SourceUnavailable} when the issuer gives no answer
 * @throws {RevocationRefused} when what it gives is no list
 */
export async function syncList(options: SyncOptions): Promise<{ readonly ids: number }> {
  const { list, api, clock, clockSkewMs, limits, signal } = options
  const startedAt = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
  const { set, syncedAtMs } = list
  const sinceMs = syncedAtMs === undefined ? undefined : Math.max(0, syncedAtMs - clockSkewMs)
  try {
    const { ids, syncedAtMs: coveredMs } = await fetchRevocations(
      api,
      (page) => {
        demandSame(list, set)
        for (const id of page) list.add(id)
      },
      { limits, ...(sinceMs !== undefined && { sinceMs }), ...(signal && { signal }) },
    )
    demandSame(list, set)
    await list.complete({ ...startedAt, ...(coveredMs !== undefined && { wallMs: coveredMs }) })
    return { ids }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return rebuild(options)
  }
}

/** Reads the whole list into an empty set, which takes the old one's place when it is complete. */
async function rebuild({
  list,
  api,
  clock,
  maxEntries,
  limits,
  signal,
}: SyncOptions): Promise<{ readonly ids: number }> {
  const startedAt = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
  const set = createRevocationSet(maxEntries)
  const take = (page: readonly string[]): void => {
    for (const id of page) set.add(id)
  }
  try {
    const { ids, syncedAtMs } = await fetchRevocations(api, take, { limits, ...(signal && { signal }) })
    await list.replace(set, undefined, { ...startedAt, ...(syncedAtMs !== undefined && { wallMs: syncedAtMs }) })
    return { ids }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new SourceUnavailable(
      `${list.issuer} has more than ${maxEntries} revocations, which this core does not hold`,
      {
        cause,
      },
    )
  }
}

function demandSame(list: RevocationList, set: RevocationList['set']): void {
  if (list.set !== set)
    throw new SourceUnavailable('The list of revocations was cleared while it was brought up to date')
}
