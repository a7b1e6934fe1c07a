import type { JournalSegment } from '../../ports/journal.ts'
import { MAX_FRAME_BYTES } from './frame.ts'

/** Held in memory at a time. Larger than any frame. */
const CHUNK_BYTES = 1024 * 1024

/** Reads one segment forwards, in chunks, so that memory does not grow with the log. */
export interface SegmentReader {
  /**
   * Bytes from `offset` on: at least one largest frame, fewer only at the end of the
   * segment. Nobody changes them afterwards; who keeps a few of them keeps a whole chunk.
   */
  from(offset: number): Promise<Uint8Array>
}

export function createSegmentReader(segment: JournalSegment): SegmentReader {
  let chunk: Uint8Array = new Uint8Array(0)
  let start = 0
  return {
    async from(offset) {
      const end = start + chunk.length
      const held = offset >= start && (end - offset >= MAX_FRAME_BYTES || end >= segment.size)
      if (!held) {
        chunk = await segment.read(offset, Math.min(CHUNK_BYTES, segment.size - offset))
        start = offset
      }
      return chunk.subarray(offset - start)
    },
  }
}
