import { constants, fstatSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { syncDirectory } from '../files/durable-write.ts'

/** The system calls that the journal's promise rests on, apart so that tests can make each of them fail. */
export interface JournalFiles {
  /** Creates a file (0600) for appending; fails when it exists. */
  create(path: string): Promise<AppendFile>
  /** Opens an existing file for appending. */
  open(path: string): Promise<AppendFile>
  syncDirectory(path: string): Promise<void>
}

export interface AppendFile {
  /** One `write`. Resolves to the number of bytes taken, which may be too few. */
  write(bytes: Uint8Array): Promise<number>
  /** `fdatasync`. */
  datasync(): Promise<void>
  /** Size in bytes, and whether the path it was opened at still leads to this file. */
  stat(): { readonly size: number; readonly atPath: boolean }
  close(): Promise<void>
}

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants

/** The real ones. */
export const nodeJournalFiles: JournalFiles = {
  create: (path) => openForAppend(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL),
  open: (path) => openForAppend(path, O_WRONLY | O_APPEND),
  syncDirectory,
}

async function openForAppend(path: string, flags: number): Promise<AppendFile> {
  const file = await open(path, flags, 0o600)
  return {
    write: async (bytes) => (await file.write(bytes)).bytesWritten,
    datasync: () => file.datasync(),
    stat() {
      // Answered from the kernel's memory, cheaper than a trip through the thread pool.
      const { size, ino, dev } = fstatSync(file.fd)
      const named = statSync(path, { throwIfNoEntry: false })
      return { size, atPath: named?.ino === ino && named.dev === dev }
    },
    close: () => file.close(),
  }
}
