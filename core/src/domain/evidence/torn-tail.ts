import type { JournalSegment } from '../../ports/journal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { MAX_FRAME_BYTES, mayStartFrame, readFrame } from './frame.ts'
import type { SegmentReader } from './segment-reader.ts'

/**
 * Tells what a crash leaves behind from what damage leaves behind (evidence-log §9.4-3).
 * At `offset` no valid frame starts. A writer that stopped there wrote nothing after it;
 * so a valid frame anywhere behind means that stored, perhaps acknowledged bytes changed.
 *
 * An entry cannot imitate a frame: frames start with a zero byte, and canonical JSON has none.
 *
 * @param index of the entry that belongs at `offset`, for the message
 * @throws {EvidenceRefused} JOURNAL_DAMAGED
 */
export async function refuseUnlessTorn(
  reader: SegmentReader,
  segment: JournalSegment,
  offset: number,
  index: number,
): Promise<void> {
  const found = await findFrame(reader, segment, offset + 1)
  if (found === undefined) return
  const expected = 'a whole frame'
  throw new EvidenceRefused(
    'JOURNAL_DAMAGED',
    `${segment.name}, entry ${index}: expected ${expected} at byte ${offset}; it is damaged, and an undamaged one follows at byte ${found}. Restore the file from a copy.`,
    { file: segment.name, index, expected },
  )
}

/** Where the first valid frame at or after `from` starts. */
async function findFrame(reader: SegmentReader, segment: JournalSegment, from: number): Promise<number | undefined> {
  let base = from
  while (base < segment.size) {
    const bytes = await reader.from(base)
    // Positions whose frame might reach beyond these bytes wait for the next chunk.
    const last = base + bytes.length >= segment.size ? bytes.length : bytes.length - MAX_FRAME_BYTES + 1
    for (let at = 0; at < last; at++) {
      if (mayStartFrame(bytes, at) && readFrame(bytes.subarray(at, at + MAX_FRAME_BYTES)) !== undefined)
        return base + at
    }
    if (last <= 0) return undefined
    base += last
  }
  return undefined
}
