import type { EvidenceIndex, IndexFilter } from '../../ports/evidence-index.ts'
import { type IndexFollower, IndexUnavailable } from './index-follower.ts'
import type { LogReader } from './log-reader.ts'
import { formatPageToken, parsePageToken } from './page-token.ts'
import type { StoredEntry } from './read-entries.ts'
import { type RecordFacts, readRecordFacts } from './record-facts.ts'

/** A page token that does not belong to this question. */
export class PageTokenRefused extends Error {
  override readonly name = 'PageTokenRefused'
}

/** An entry as the log holds it, and what it says. */
export interface FoundRecord extends StoredEntry {
  readonly facts: RecordFacts
}

export interface SearchPage {
  /** Newest first. */
  readonly records: readonly FoundRecord[]
  /** Empty on the last page. */
  readonly nextPageToken: string
}

/**
 * Finds records of one log. Everything that was durable when it was asked is found. Whatever
 * needs the index rejects with {IndexUnavailable} while it cannot be had.
 */
export interface EvidenceSearch {
  /** The record with this evidence id. */
  byId(id: string): Promise<FoundRecord | undefined>
  /** The entry at this position, whatever it is. */
  byIndex(index: number): Promise<FoundRecord | undefined>
  /**
   * Matching records, newest first in log order, whatever their clocks said.
   *
   * @throws {PageTokenRefused} when the token is not one of this question
   */
  page(filter: IndexFilter, options: { readonly token: string; readonly limit: number }): Promise<SearchPage>
}

export interface EvidenceSearchOptions {
  readonly reader: Pick<LogReader, 'origin' | 'size' | 'entries' | 'firstKept'>
  readonly index: Pick<EvidenceIndex, 'find' | 'search'>
  readonly follower: Pick<IndexFollower, 'caughtUp' | 'distrust'>
}

/**
 * Looks up positions in the index and reads the records themselves from the log. What the
 * index says of a record is checked against the record: a changed index can hide one from
 * a search, and never shows a wrong one.
 */
export function createEvidenceSearch({ reader, index, follower }: EvidenceSearchOptions): EvidenceSearch {
  async function read(position: number): Promise<FoundRecord | undefined> {
    if (position < 0 || position >= reader.size) return undefined
    try {
      for await (const { leaf } of reader.entries(position, position + 1)) {
        return { index: position, leaf, facts: readRecordFacts(leaf) }
      }
    } catch (error) {
      // Removed by retention after it was indexed: as good as never found.
      if (position >= (await reader.firstKept())) throw error
    }
    return undefined
  }

  /** Once it holds everything. An index that cannot answer may have been damaged since it was opened. */
  async function ask(question: () => Promise<readonly number[]>): Promise<readonly number[]> {
    await follower.caughtUp()
    try {
      return await question()
    } catch (cause) {
      follower.distrust(cause)
      throw new IndexUnavailable('The index of the evidence log could not answer and is made anew.', { cause })
    }
  }

  return {
    byIndex: read,

    async byId(id) {
      for (const position of await ask(() => index.find(id))) {
        const record = await read(position)
        if (record?.facts.id === id) return record
      }
      return undefined
    },

    async page(filter, { token, limit }) {
      const before = token === '' ? Number.MAX_SAFE_INTEGER : parsePageToken(token, reader.origin, filter)
      if (before === undefined) {
        throw new PageTokenRefused('The page token is not of this query. Repeat the query without it.')
      }
      // One more than asked for tells whether there is another page.
      const positions = await ask(() => index.search(filter, before, limit + 1))
      const shown = positions.slice(0, limit)
      const records: FoundRecord[] = []
      for (const position of shown) {
        const record = await read(position)
        if (record !== undefined && matches(record.facts, filter)) records.push(record)
      }
      const last = shown.at(-1)
      const more = positions.length > limit && last !== undefined
      return { records, nextPageToken: more ? formatPageToken(last, reader.origin, filter) : '' }
    },
  }
}

/** Whether a record is one that the filter asks for. */
export function matches(facts: RecordFacts, filter: IndexFilter): boolean {
  const { kind, tool, principal, decision, decisionId, sinceMs, untilMs } = filter
  return (
    (kind === undefined || facts.kind === kind) &&
    (tool === undefined || facts.tool === tool) &&
    (principal === undefined || facts.principal === principal) &&
    (decision === undefined || facts.decision === decision) &&
    (decisionId === undefined || facts.decisionId === decisionId) &&
    (sinceMs === undefined || facts.atMs >= sinceMs) &&
    (untilMs === undefined || facts.atMs < untilMs)
  )
}
