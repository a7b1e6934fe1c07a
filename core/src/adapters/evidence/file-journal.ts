import { dirname, join } from 'node:path'
import type { Journal } from '../../ports/journal.ts'
import type { AppendFile, JournalFiles } from './journal-files.ts'
import { segmentName } from './journal-segments.ts'
import { shortWrite } from './log-directory-refused.ts'

export interface FileJournalOptions {
  /** The log folder; its `journal` folder exists. */
  readonly directory: string
  /** The segment to go on with, and its exact size; absent when there is none. */
  readonly newest: { readonly name: string; readonly bytes: number } | undefined
  readonly files: JournalFiles
  /** Gives the folder's lock back. */
  readonly releaseLock: () => void
}

/** The journal as files. Opens the newest segment for appending and changes nothing. */
export async function openFileJournal({ directory, newest, files, releaseLock }: FileJournalOptions): Promise<Journal> {
  let current: AppendFile | undefined
  let path = ''
  let size = 0
  let broken: { readonly cause: unknown } | undefined
  let closed: Promise<void> | undefined

  if (newest !== undefined) {
    path = join(directory, newest.name)
    current = await files.open(path)
    size = newest.bytes
  }

  /** Runs one storage step; its failure is the last thing that happens to this journal. */
  async function once<T>(step: () => Promise<T>): Promise<T> {
    if (broken !== undefined) throw new Error('The journal failed earlier and is not written any more.', broken)
    if (closed !== undefined) throw new Error('The journal is closed.')
    try {
      return await step()
    } catch (cause) {
      broken = { cause }
      throw cause
    }
  }

  async function release(): Promise<void> {
    try {
      await current?.close()
    } finally {
      releaseLock()
    }
  }

  return {
    append: (bytes) =>
      once(async () => {
        if (current === undefined) throw new Error('The journal has no segment yet.')
        // The second line behind the lock. A file that was moved or removed would take
        // records that nobody finds again.
        const found = current.stat()
        if (found.size !== size || !found.atPath) {
          const what = found.atPath ? `has ${found.size} bytes instead of ${size}` : 'was moved or removed'
          throw new Error(`${path} ${what}. Somebody else changes the journal: stop them and restart.`)
        }
        const written = await current.write(bytes)
        if (written !== bytes.length) throw shortWrite(path, written, bytes.length)
        await current.datasync()
        size += written
      }),

    startSegment: (firstIndex) =>
      once(async () => {
        const nextPath = join(directory, segmentName(firstIndex))
        const next = await files.create(nextPath)
        const previous = current
        // Owned before anything else can fail, so that `close` finds it.
        current = next
        path = nextPath
        size = 0
        await previous?.close()
        await files.syncDirectory(dirname(nextPath))
      }),

    close() {
      closed ??= release()
      return closed
    },
  }
}
