import { matches } from '../../domain/evidence/evidence-search.ts'
import type { LogReader } from '../../domain/evidence/log-reader.ts'
import { type RecordFacts, readRecordFacts } from '../../domain/evidence/record-facts.ts'
import type { IndexFilter } from '../../ports/evidence-index.ts'

/** One record of one log, and what it says. */
export interface StoredRecord {
  readonly origin: string
  readonly index: number
  readonly leaf: Uint8Array
  readonly facts: RecordFacts
}

/** Entries that are held at once while a log is read backwards; as many as in a bundle. */
const CHUNK = 256

/** Matching records of one log in their order, as far as retention left them. */
export async function* recordsForward(
  reader: LogReader,
  filter: IndexFilter,
  { from = 0, onProgress = (_done: number) => {} } = {},
): AsyncGenerator<StoredRecord, void, undefined> {
  const first = Math.max(from, await reader.firstKept())
  for await (const { index, leaf } of reader.entries(first, reader.size)) {
    const facts = readRecordFacts(leaf)
    onProgress(index + 1)
    if (matches(facts, filter)) yield { origin: reader.origin, index, leaf, facts }
  }
}

/** The same from the newest to the oldest. */
export async function* recordsBackward(
  reader: LogReader,
  filter: IndexFilter,
): AsyncGenerator<StoredRecord, void, undefined> {
  const first = await reader.firstKept()
  for (let end = reader.size; end > first; ) {
    const start = Math.max(Math.floor((end - 1) / CHUNK) * CHUNK, first)
    const chunk: StoredRecord[] = []
    for await (const { index, leaf } of reader.entries(start, end)) {
      const facts = readRecordFacts(leaf)
      if (matches(facts, filter)) chunk.push({ origin: reader.origin, index, leaf, facts })
    }
    yield* chunk.reverse()
    end = start
  }
}

/**
 * Matching records of several logs, newest first: each log in its own order, and between
 * logs by the records' times.
 */
export async function* newestFirst(
  readers: readonly LogReader[],
  filter: IndexFilter,
): AsyncGenerator<StoredRecord, void, undefined> {
  const heads = await Promise.all(
    readers.map(async (reader) => {
      const records = recordsBackward(reader, filter)
      return { records, next: (await records.next()).value ?? undefined }
    }),
  )
  for (;;) {
    const open = heads.filter(({ next }) => next !== undefined)
    const newest = open.reduce<(typeof heads)[number] | undefined>(
      (best, head) => ((head.next?.facts.atMs ?? 0) > (best?.next?.facts.atMs ?? -1) ? head : best),
      undefined,
    )
    if (newest?.next === undefined) return
    yield newest.next
    newest.next = (await newest.records.next()).value ?? undefined
  }
}
