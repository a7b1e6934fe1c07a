import type { JournalSegment } from '../../ports/journal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { readFrame } from './frame.ts'
import { createSegmentReader } from './segment-reader.ts'

/** One stored entry. The bytes are a copy. */
export interface StoredEntry {
  readonly index: number
  readonly leaf: Uint8Array
}

/**
 * Streams entries `from` up to, not including, `to`. Nothing is verified but checksums and
 * order: take `to` from `recoverJournal` over the same segments, which proves that those
 * entries are committed.
 *
 * @throws {EvidenceRefused} JOURNAL_DAMAGED when an entry of the range cannot be read
 */
export async function* readEntries(
  segments: readonly JournalSegment[],
  { from = 0, to }: { readonly from?: number; readonly to: number },
): AsyncGenerator<StoredEntry, void, undefined> {
  let next = from
  for (const [i, segment] of segments.entries()) {
    const following = segments[i + 1]
    if (next >= to || (following !== undefined && following.firstIndex <= next)) continue
    const reader = createSegmentReader(segment)
    let offset = 0
    while (next < to) {
      const frame = readFrame(await reader.from(offset))
      if (frame === undefined) break
      offset += frame.bytes
      if (frame.type === 'commit' || frame.index !== BigInt(next)) continue
      yield { index: next, leaf: new Uint8Array(frame.entry) }
      next++
    }
  }
  if (next < to) {
    throw new EvidenceRefused('JOURNAL_DAMAGED', `Entry ${next} is not in the journal, which was said to hold ${to}.`, {
      index: next,
      expected: `entries up to ${to}`,
    })
  }
}
