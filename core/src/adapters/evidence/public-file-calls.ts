import { constants, statSync } from 'node:fs'
import { mkdir, open, rename, rm, rmdir } from 'node:fs/promises'
import { syncDirectory } from '../files/durable-write.ts'
import { shortWrite } from './log-directory-refused.ts'

/** The system calls that publishing rests on, apart so that tests can make each of them fail. */
export interface PublicFileCalls {
  /** Creates a file (0600), writes all of the bytes and syncs them. */
  createSynced(path: string, bytes: Uint8Array): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Makes a folder (0700) unless it is there. Its parent is. */
  makeDirectory(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  remove(path: string): Promise<void>
  removeEmptyDirectory(path: string): Promise<void>
  /** Identity, size and time of last change; absent when there is no file. */
  stat(path: string): string | undefined
}

const { O_CREAT, O_EXCL, O_WRONLY } = constants

/** The real ones. */
export const nodePublicFileCalls: PublicFileCalls = {
  async createSynced(path, bytes) {
    const file = await open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    try {
      const { bytesWritten } = await file.write(bytes)
      if (bytesWritten !== bytes.length) throw shortWrite(path, bytesWritten, bytes.length)
      await file.datasync()
    } finally {
      await file.close()
    }
  },
  rename,
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  syncDirectory,
  remove: (path) => rm(path),
  removeEmptyDirectory: rmdir,
  stat(path) {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    return found && `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`
  },
}
