import { formatRfc3339 } from '../../lib/rfc3339.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { IssuerApi } from './issuer-api.ts'
import { parseRevocationPage } from './revocation-page.ts'
import { RevocationRefused } from './revocation-refused.ts'

export interface FetchLimits {
  /** Entries that one page is asked for. */
  readonly pageEntries: number
  /** Largest page, in bytes. */
  readonly pageBytes: number
  /** Most pages, whatever is on them. */
  readonly pages: number
}

/** Ten million entries, also where the issuer gives half of what it is asked for. */
export const FETCH_LIMITS: FetchLimits = { pageEntries: 2_000, pageBytes: 1024 * 1024, pages: 10_000 }

export interface FetchOptions {
  /** Entries since then by the issuer's clock, in milliseconds since the Unix epoch. Absent means all. */
  readonly sinceMs?: number
  readonly limits: FetchLimits
  readonly signal?: AbortSignal
}

/** A list whose every page was read. */
export interface FetchedRevocations {
  readonly ids: number
  /** The oldest time that a page gave: what it does not cover, none of the others is sure to. */
  readonly syncedAtMs?: number
}

/** Where page after page is read from: the path or URL for a cursor, which is absent for the first. */
type Target = (cursor: string | undefined) => string

/**
 * Reads all pages of an issuer's list. Each page's ids go to `take` at once: a revocation
 * counts from the moment that it is known, whatever becomes of the pages after it.
 *
 * @throws {SourceUnavailable} when a page cannot be had
 * @throws {RevocationRefused} LIST_MALFORMED, LIST_TOO_LARGE
 */
export async function fetchRevocations(
  api: IssuerApi,
  take: (ids: readonly string[]) => void,
  { sinceMs, ...options }: FetchOptions,
): Promise<FetchedRevocations> {
  return fetchPages(api, (cursor) => pathOf(sinceMs, options.limits.pageEntries, cursor), take, options)
}

/** The same from a list at any place under the issuer's API. */
export async function fetchPages(
  api: IssuerApi,
  target: Target,
  take: (ids: readonly string[]) => void,
  { limits, signal }: Omit<FetchOptions, 'sinceMs'>,
): Promise<FetchedRevocations> {
  let cursor: string | undefined
  let oldestMs: number | undefined
  let ids = 0
  for (let pages = 0; pages < limits.pages; pages++) {
    const question = { maxBytes: limits.pageBytes, purpose: 'revocations' as const, ...(signal && { signal }) }
    const { status, members } = await api.get(target(cursor), question)
    if (status === 404) {
      throw new SourceUnavailable('The issuer has no list of revocations there: its API is elsewhere, or is none')
    }
    const page = parseRevocationPage(members)
    take(page.ids)
    ids += page.ids.length
    if (page.syncedAtMs !== undefined) oldestMs = Math.min(page.syncedAtMs, oldestMs ?? page.syncedAtMs)
    if (page.nextCursor === undefined) return { ids, ...(oldestMs !== undefined && { syncedAtMs: oldestMs }) }
    if (page.nextCursor === cursor) {
      throw new RevocationRefused('LIST_MALFORMED', 'The list of revocations repeats a page without end')
    }
    cursor = page.nextCursor
  }
  throw new RevocationRefused('LIST_TOO_LARGE', `The list of revocations has more than ${limits.pages} pages`)
}

function pathOf(sinceMs: number | undefined, limit: number, cursor: string | undefined): string {
  const query = new URLSearchParams()
  if (sinceMs !== undefined) query.set('since', formatRfc3339(sinceMs))
  query.set('limit', String(limit))
  if (cursor !== undefined) query.set('cursor', cursor)
  return `/v1/revocations?${query}`
}
