import type { MessageInitShape } from '@bufbuild/protobuf'
import { type RevocationEntrySchema, RevocationReason, RevocationService } from '@capiscio/proto/v1'
import { fetchListed } from '../../domain/revocation/fetch-listed.ts'
import type { IssuerRevocations } from '../../domain/revocation/issuer-revocations.ts'
import type { LocalEntry } from '../../domain/revocation/local-revocations.ts'
import { lookUpRevocation } from '../../domain/revocation/look-up.ts'
import { RevocationRefused } from '../../domain/revocation/revocation-refused.ts'
import type { Revocations } from '../../domain/revocation/revocations.ts'
import { formatRfc3339, parseRfc3339 } from '../../lib/rfc3339.ts'
import type { Clock } from '../../ports/clock.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { invalidArgument, RpcFault } from '../rpc-fault.ts'
import { implementService } from '../service-implementation.ts'
import { formatCursor, type ListCursor, parseCursor } from './revocation-cursor.ts'

export interface RevocationServiceOptions {
  readonly revocations: Pick<Revocations, 'local' | 'issuers'>
  readonly clock: Clock
  readonly maxStalenessMs: number
}

/** By name, as the file of local revocations has them. */
const REASONS: ReadonlyMap<string, RevocationReason> = new Map(Object.entries(RevocationReason))

type Entry = MessageInitShape<typeof RevocationEntrySchema>

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000
const MAX_COMMENT_LENGTH = 1024
const DEFAULT_TIMEOUT_SECONDS = 30
const MAX_TIMEOUT_SECONDS = 300
const MAX_INT32 = 2 ** 31 - 1

/** Where local revocations come from, as this contract names it. */
const LOCAL = 'local'

/**
 * `capiscio.v1.RevocationService`. What is revoked through it is revoked on this core; what
 * issuers revoked is shown and never changed. Errors travel in `error_message` where there
 * is one, with status OK.
 */
export function createRevocationService({ revocations, clock, maxStalenessMs }: RevocationServiceOptions) {
  const { local, issuers } = revocations

  return implementService(RevocationService, {
    async isRevoked({ subject, atTime, checkRemote }) {
      const atMs = atTime === undefined || atTime.value === '' ? undefined : parseRfc3339(atTime.value)
      if (atTime !== undefined && atTime.value !== '' && atMs === undefined) {
        throw invalidArgument([{ field: 'at_time', description: 'must be an RFC 3339 time' }])
      }
      try {
        const options = { live: checkRemote, maxStalenessMs, ...(atMs !== undefined && { atMs }) }
        const { isRevoked, source, entry } = await lookUpRevocation(revocations, subject, options)
        if (!isRevoked) return { isRevoked, source }
        return { isRevoked, source, entry: entry === undefined ? { subject, issuer: source } : toEntry(entry) }
      } catch (cause) {
        if (cause instanceof RevocationRefused)
          throw invalidArgument([{ field: 'subject', description: cause.message }])
        // There is no field for it, and "not revoked" would be a promise.
        if (cause instanceof SourceUnavailable) throw new RpcFault('UNAVAILABLE', cause.message, { cause })
        throw cause
      }
    },

    async revoke({ subject, reason, comment }) {
      if (comment.length > MAX_COMMENT_LENGTH) {
        return { errorMessage: `the comment is longer than ${MAX_COMMENT_LENGTH} characters` }
      }
      const name = nameOf(reason)
      if (name === undefined) return { errorMessage: `there is no reason ${reason}` }
      return orErrorMessage(async () => {
        const about = { comment, ...(reason !== RevocationReason.UNSPECIFIED && { reason: name }) }
        return { entry: toEntry(await local.revoke(subject, about)) }
      })
    },

    async unrevoke({ subject }) {
      return orErrorMessage(async () => {
        if (await local.unrevoke(subject)) return { wasRevoked: true }
        const lister = [...issuers.values()].find(({ list }) => list.has(subject))
        if (lister === undefined) return { wasRevoked: false }
        return { wasRevoked: false, errorMessage: `${lister.issuer} revoked it, and only it can say otherwise` }
      })
    },

    async listRevocations({ subjectFilter, reasonFilter, limit, cursor }) {
      const from = parseCursor(cursor)
      if (from === undefined) throw invalidArgument([{ field: 'cursor', description: 'is none that this core gave' }])
      const most = limit <= 0 ? DEFAULT_LIMIT : Math.min(limit, MAX_LIMIT)
      const locals = local
        .entries()
        .filter(
          (entry) =>
            subjectFilter === '' || entry.subject === subjectFilter.toLowerCase() || entry.subject === subjectFilter,
        )
        .map(toEntry)
        .filter((entry) => reasonFilter === RevocationReason.UNSPECIFIED || entry.reason === reasonFilter)
      // Of issuers' revocations only the id is kept: a reason matches none of them.
      const lists = reasonFilter === RevocationReason.UNSPECIFIED ? [...issuers.values()] : []
      const listed = lists.filter(({ list }) => subjectFilter === '' || list.has(subjectFilter))
      if (subjectFilter !== '') {
        const entries = [...locals, ...listed.map(({ issuer }) => ({ subject: subjectFilter, issuer }))]
        return { entries, totalCount: entries.length }
      }
      const total = locals.length + lists.reduce((sum, { list }) => sum + list.set.size, 0)
      const { entries, next } = page(locals, lists, most, from)
      return { entries, totalCount: toInt32(total), ...(next && { nextCursor: formatCursor(next) }) }
    },

    async fetchRevocationList({ url, timeout }, { signal }) {
      const asked = Number(timeout?.seconds ?? 0n)
      const seconds = asked <= 0 ? DEFAULT_TIMEOUT_SECONDS : Math.min(asked, MAX_TIMEOUT_SECONDS)
      return orErrorMessage(async () => {
        const added = await fetchListed(issuers, url, AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]))
        return { entriesAdded: toInt32(added), fetchedAt: { value: formatRfc3339(clock.nowMs()) } }
      })
    },

    async clearCache({ sourceFilter }) {
      let cleared = 0
      for (const { issuer, list, live, sync } of issuers.values()) {
        if (sourceFilter !== '' && sourceFilter !== issuer) continue
        cleared += list.clear()
        live?.badges.clear()
        live?.agents.clear()
        // Nothing is fresh until it is read again, so that is begun at once.
        void sync?.().catch(() => {})
      }
      return { entriesCleared: toInt32(cleared) }
    },

    async getCacheStats() {
      const lists = [...issuers.values()].map(({ issuer, list }) => ({
        issuer,
        entries: list.set.size,
        at: list.syncedAtMs,
      }))
      const localEntries = local.entries().length
      const remoteEntries = lists.reduce((sum, { entries }) => sum + entries, 0)
      const times = lists.flatMap(({ at }) => (at === undefined ? [] : [at]))
      return {
        totalEntries: toInt32(localEntries + remoteEntries),
        localEntries: toInt32(localEntries),
        remoteEntries: toInt32(remoteEntries),
        ...(times.length > 0 && { lastRemoteFetch: { value: formatRfc3339(Math.max(...times)) } }),
        cacheTtl: { seconds: BigInt(Math.floor(maxStalenessMs / 1000)) },
        entriesBySource: Object.fromEntries([
          [LOCAL, toInt32(localEntries)],
          ...lists.map(({ issuer, entries }) => [issuer, toInt32(entries)]),
        ]),
      }
    },
  })
}

type Listed = Pick<IssuerRevocations, 'issuer' | 'list'>

function page(
  locals: readonly Entry[],
  lists: readonly Listed[],
  limit: number,
  from: ListCursor,
): { readonly entries: Entry[]; readonly next?: ListCursor } {
  const entries: Entry[] = []
  if (from.issuer === undefined) {
    const upTo = from.local + limit
    entries.push(...locals.slice(from.local, upTo))
    if (upTo < locals.length) return { entries, next: { local: upTo } }
  }
  const first = from.issuer === undefined ? 0 : lists.findIndex(({ issuer }) => issuer === from.issuer)
  // An issuer that is there no more ends the listing.
  for (const { issuer, list } of first < 0 ? [] : lists.slice(first)) {
    if (entries.length === limit) return { entries, next: { local: locals.length, issuer } }
    const after = issuer === from.issuer ? from.after : undefined
    const { ids, next } = list.set.list(limit - entries.length, after)
    entries.push(...ids.map((subject) => ({ subject, issuer })))
    if (next !== undefined) return { entries, next: { local: locals.length, issuer, after: next } }
  }
  return { entries }
}

function toEntry({ subject, revokedAtMs, reason = '', comment = '' }: LocalEntry): Entry {
  const number = REASONS.get(reason) ?? RevocationReason.UNSPECIFIED
  return {
    subject,
    issuer: LOCAL,
    comment,
    reason: number,
    ...(revokedAtMs > 0 && { revokedAt: { value: formatRfc3339(revokedAtMs) } }),
  }
}

function nameOf(reason: RevocationReason): string | undefined {
  return [...REASONS].find(([, number]) => number === reason)?.[0]
}

/** Refusals, and files and issuers that cannot be used, are answers in this contract. */
async function orErrorMessage<T extends object>(
  work: () => Promise<T>,
): Promise<T | { readonly errorMessage: string }> {
  try {
    return await work()
  } catch (cause) {
    const isExpected = cause instanceof RevocationRefused || cause instanceof SourceUnavailable
    if (isExpected || (cause instanceof Error && 'syscall' in cause)) return { errorMessage: cause.message }
    throw cause
  }
}

function toInt32(count: number): number {
  return Math.min(count, MAX_INT32)
}
