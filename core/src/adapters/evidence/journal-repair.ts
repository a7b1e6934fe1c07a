import { open, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { JournalRepair, JournalSegment } from '../../ports/journal.ts'
import { makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'
import { errorCode } from './error-code.ts'
import { JOURNAL_FOLDER } from './journal-segments.ts'
import { shortWrite } from './log-directory-refused.ts'

const QUARANTINE_FOLDER = 'quarantine'
const CHUNK_BYTES = 1024 * 1024

/** Repairs of the journal in one log folder, whose lock the caller holds. */
export function createJournalRepair(directory: string): JournalRepair {
  return {
    async quarantineTail(segment, offset) {
      const folder = join(directory, QUARANTINE_FOLDER)
      await makeDirectoryDurably(folder)
      await copyTail(segment, offset, folder)
      await syncDirectory(folder)
      // A crash here leaves the tail in both places; the next start makes a second copy.
      const file = await open(join(directory, segment.name), 'r+')
      try {
        await file.truncate(offset)
        await file.sync()
      } finally {
        await file.close()
      }
    },

    async storeAgain(segment, offset, length) {
      const bytes = await segment.read(offset, length)
      if (bytes.length !== length) throw new Error(`${segment.name} became shorter while it was being opened.`)
      const file = await open(join(directory, segment.name), 'r+')
      try {
        const { bytesWritten } = await file.write(bytes, 0, length, offset)
        if (bytesWritten !== length) throw shortWrite(segment.name, bytesWritten, length)
        await file.sync()
      } finally {
        await file.close()
      }
      await syncDirectory(join(directory, JOURNAL_FOLDER))
    },
  }
}

/** Copies to a name that tells segment and offset; earlier copies are never overwritten. */
async function copyTail(segment: JournalSegment, offset: number, folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const path = join(folder, `${basename(segment.name)}.${offset}.${attempt}`)
    try {
      const copy = await open(path, 'wx', 0o600)
      try {
        for (let at = offset; at < segment.size; at += CHUNK_BYTES) {
          await copy.writeFile(await segment.read(at, Math.min(CHUNK_BYTES, segment.size - at)))
        }
        await copy.sync()
      } catch (error) {
        // The tail is still where it was. On a full disk every start would leave one more part of it.
        await rm(path, { force: true }).catch(() => undefined)
        throw error
      } finally {
        await copy.close()
      }
      return
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}
