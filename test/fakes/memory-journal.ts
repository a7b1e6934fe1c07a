import type { Journal, JournalRepair, JournalSegment } from '../../core/src/ports/journal.ts'
import type { JournalBytes } from '../tools/check-log.ts'

interface StoredSegment {
  readonly firstIndex: number
  bytes: Uint8Array
}

/** A journal whose disk is memory: it survives `close`, and a test may look at or damage it. */
export interface MemoryJournal {
  readonly stored: StoredSegment[]
  readonly quarantine: { readonly segment: string; readonly offset: number; readonly bytes: Uint8Array }[]
  /** Opens it for writing, to go on at the end of the newest segment. */
  open(): Journal
  segments(): readonly JournalSegment[]
  readonly repair: JournalRepair
  /** What an outside checker is given. */
  files(): readonly JournalBytes[]
}

export function createMemoryJournal(stored: StoredSegment[] = []): MemoryJournal {
  const quarantine: MemoryJournal['quarantine'] = []
  const fileName = (firstIndex: number) => `${String(firstIndex).padStart(20, '0')}.wal`
  const segmentNamed = (name: string): StoredSegment => {
    const found = stored.find(({ firstIndex }) => `journal/${fileName(firstIndex)}` === name)
    if (found === undefined) throw new Error(`no segment ${name}`)
    return found
  }
  return {
    stored,
    quarantine,
    open() {
      let refused = false
      const step = async (action: () => void): Promise<void> => {
        if (refused) throw new Error('failed or closed')
        try {
          action()
        } catch (error) {
          refused = true
          throw error
        }
      }
      return {
        append: (bytes) =>
          step(() => {
            const newest = stored.at(-1)
            if (newest === undefined) throw new Error('no segment yet')
            newest.bytes = concat(newest.bytes, bytes)
          }),
        startSegment: (firstIndex) =>
          step(() => {
            if (stored.some((segment) => segment.firstIndex === firstIndex)) throw new Error('segment exists')
            stored.push({ firstIndex, bytes: new Uint8Array(0) })
          }),
        async close() {
          refused = true
        },
      }
    },
    segments: () =>
      stored.map(({ firstIndex, bytes }) => ({
        name: `journal/${fileName(firstIndex)}`,
        firstIndex,
        size: bytes.length,
        read: async (offset, length) => bytes.slice(offset, offset + length),
      })),
    repair: {
      async quarantineTail(segment, offset) {
        const target = segmentNamed(segment.name)
        quarantine.push({ segment: segment.name, offset, bytes: target.bytes.slice(offset) })
        target.bytes = target.bytes.slice(0, offset)
      },
      async storeAgain(segment, offset, length) {
        const again = await segment.read(offset, length)
        segmentNamed(segment.name).bytes.set(again, offset)
      },
    },
    files: () => stored.map(({ firstIndex, bytes }) => ({ name: fileName(firstIndex), bytes })),
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}
