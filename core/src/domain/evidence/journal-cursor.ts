import type { JournalSegment } from '../../ports/journal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { frameOutline, readFrame } from './frame.ts'
import type { StoredEntry } from './read-entries.ts'
import { createSegmentReader } from './segment-reader.ts'

/**
 * Reads the entries of a journal in order, a few at a time, beside the process that writes
 * it. Remembers where it stopped, so that no entry is read twice.
 */
export interface JournalCursor {
  /** Index of the entry that comes next. */
  readonly next: number
  /**
   * The entries up to, not including, `to`, which must be committed. Verified are checksums
   * and order only.
   *
   * @throws {EvidenceRefused} JOURNAL_DAMAGED when one of them cannot be read
   */
  read(to: number): AsyncGenerator<StoredEntry, void, undefined>
}

/**
 * @param segments lists the journal as it is now, oldest first
 * @param from index of the first entry to give
 */
export function createJournalCursor(segments: () => Promise<readonly JournalSegment[]>, from: number): JournalCursor {
  let next = from
  // The segment that was read last, and how far.
  let current: { readonly firstIndex: number; readonly offset: number } | undefined

  async function* readSegment(segment: JournalSegment, to: number): AsyncGenerator<StoredEntry, void, undefined> {
    const reader = createSegmentReader(segment)
    let offset = current?.firstIndex === segment.firstIndex ? current.offset : 0
    while (next < to) {
      const bytes = await reader.from(offset)
      const outline = frameOutline(bytes)
      if (outline === undefined) return
      // What was given before is stepped over unread.
      if (outline.index !== undefined && outline.index >= BigInt(next)) {
        const frame = readFrame(bytes)
        if (frame?.type !== 'entry' || frame.index !== BigInt(next)) return
        const leaf = frame.entry.slice()
        offset += frame.bytes
        current = { firstIndex: segment.firstIndex, offset }
        yield { index: next++, leaf }
      } else {
        offset += outline.bytes
        current = { firstIndex: segment.firstIndex, offset }
      }
    }
  }

  return {
    get next() {
      return next
    },

    async *read(to) {
      const listed = next < to ? await segments() : []
      for (const [i, segment] of listed.entries()) {
        const following = listed[i + 1]
        if (next >= to || (following !== undefined && following.firstIndex <= next)) continue
        yield* readSegment(segment, to)
      }
      if (next >= to) return
      const message = `Entry ${next} is not in the journal, which was said to hold ${to}.`
      throw new EvidenceRefused('JOURNAL_DAMAGED', message, { index: next, expected: `entries up to ${to}` })
    },
  }
}
