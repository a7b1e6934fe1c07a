import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalSegment } from '../../ports/journal.ts'
import { errorCode } from './error-code.ts'

/** The journal's folder inside a log folder. */
export const JOURNAL_FOLDER = 'journal'

/** Twenty digits hold every 64-bit index and make names sort like numbers. */
const SEGMENT_FILE = /^([0-9]{20})\.wal$/

/** Name of a segment relative to the log folder. */
export function segmentName(firstIndex: number): string {
  return `${JOURNAL_FOLDER}/${String(firstIndex).padStart(20, '0')}.wal`
}

/** The segments in a log folder, oldest first. Needs no lock; other files are ignored. */
export async function listJournalSegments(directory: string): Promise<readonly JournalSegment[]> {
  const files = await readdir(join(directory, JOURNAL_FOLDER)).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  })
  const segments: JournalSegment[] = []
  for (const file of files.sort()) {
    const [, digits] = SEGMENT_FILE.exec(file) ?? []
    if (digits === undefined) continue
    const path = join(directory, JOURNAL_FOLDER, file)
    const { size } = await stat(path)
    segments.push({
      name: `${JOURNAL_FOLDER}/${file}`,
      firstIndex: Number(digits),
      size,
      read: (offset, length) => readRange(path, offset, length),
    })
  }
  return segments
}

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const file = await open(path, 'r')
  try {
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  } finally {
    await file.close()
  }
}
