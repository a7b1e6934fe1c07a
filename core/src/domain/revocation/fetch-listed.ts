import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { FETCH_LIMITS, fetchPages } from './fetch-revocations.ts'
import type { IssuerRevocations } from './issuer-revocations.ts'

/**
 * Reads a list that the caller names, from a configured issuer and from nobody else, and
 * adds what it says to that issuer's list. Nobody knows whether such a list is complete,
 * so it makes nothing fresh. Resolves to the number of new ids.
 *
 * @param text attacker-controlled URL
 * @throws {SourceUnavailable} when the URL is not one of a configured issuer, or cannot be read
 * @throws {RevocationRefused} LIST_MALFORMED, LIST_TOO_LARGE
 */
export async function fetchListed(
  issuers: ReadonlyMap<string, IssuerRevocations>,
  text: string,
  signal: AbortSignal,
): Promise<number> {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new SourceUnavailable('Give the absolute URL of a list, without user, password and fragment')
  }
  const found = [...issuers.values()].find(({ issuer, api }) => api?.origin === url.origin || issuer === url.origin)
  if (found?.api === undefined) {
    throw new SourceUnavailable('Lists are read from configured issuers only: the origin of the URL is none of theirs')
  }
  const { api, list } = found
  // A badge's issuer may be reached under another origin than the one that it is named by.
  const base = new URL(url.pathname + url.search, api.origin)
  const target = (cursor: string | undefined): string => {
    if (cursor !== undefined) base.searchParams.set('cursor', cursor)
    return base.href
  }
  let added = 0
  const take = (ids: readonly string[]): void => {
    for (const id of ids) if (list.add(id)) added++
  }
  try {
    await fetchPages(api, target, take, { limits: FETCH_LIMITS, signal })
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new SourceUnavailable(cause.message, { cause })
  }
  await list.keep()
  return added
}
