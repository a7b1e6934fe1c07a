import type { JournalSegment } from '../../ports/journal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { frameOutline, readFrame } from './frame.ts'
import { createSegmentReader } from './segment-reader.ts'

/** Entries given at once. Whoever hashes them holds up the decisions of the same process for less than a millisecond. */
const RUN_ENTRIES = 256

/**
 * Reads the entries of a journal in order, a few at a time, beside the process that writes
 * it. Remembers where it stopped, so that no entry is read twice.
 */
export interface JournalCursor {
  /** Index of the entry that comes next. */
  readonly next: number
  /**
   * The entries up to, not including, `to`, which must be committed, some at a time. Verified
   * are checksums and order only. They share memory with what was read, which nobody changes.
   *
   * @throws {EvidenceRefused} JOURNAL_DAMAGED when one of them cannot be read
   */
  read(to: number): AsyncGenerator<readonly Uint8Array[], void, undefined>
}

/**
 * @param segments lists the journal as it is now, oldest first
 * @param from index of the first entry to give
 */
export function createJournalCursor(segments: () => Promise<readonly JournalSegment[]>, from: number): JournalCursor {
  let next = from
  // The segment that was read last, and how far.
  let current: { readonly firstIndex: number; readonly offset: number } | undefined

  async function* readSegment(
    segment: JournalSegment,
    to: number,
  ): AsyncGenerator<readonly Uint8Array[], void, undefined> {
    const { firstIndex } = segment
    const reader = createSegmentReader(segment)
    let offset = current?.firstIndex === firstIndex ? current.offset : 0
    while (next < to) {
      const { leaves, length } = readFrames(await reader.from(offset), to)
      if (length === 0) return
      offset += length
      current = { firstIndex, offset }
      next += leaves.length
      if (leaves.length > 0) yield leaves
    }
  }

  /** The entries from `next` on of which the bytes hold all, and the length of what was read. */
  function readFrames(
    bytes: Uint8Array,
    to: number,
  ): { readonly leaves: readonly Uint8Array[]; readonly length: number } {
    const leaves: Uint8Array[] = []
    let length = 0
    const end = Math.min(to, next + RUN_ENTRIES)
    while (next + leaves.length < end) {
      const expected = BigInt(next + leaves.length)
      const rest = bytes.subarray(length)
      const outline = frameOutline(rest)
      if (outline === undefined) break
      // What was given before is stepped over unread.
      if (outline.index !== undefined && outline.index >= expected) {
        const frame = readFrame(rest)
        if (frame?.type !== 'entry' || frame.index !== expected) break
        leaves.push(frame.entry)
      }
      length += outline.bytes
    }
    return { leaves, length }
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
