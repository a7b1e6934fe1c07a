import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { errorCode } from './error-code.ts'
import { LogDirectoryRefused } from './log-directory-refused.ts'

/** A lock that ends with `release` or with the process, however it ends. */
export interface DirectoryLock {
  /** Idempotent. */
  release(): void
}

const SQLITE_BUSY = 5

/** Held here because a database that is garbage collected would drop its lock. */
const held = new Set<DatabaseSync>()

/**
 * Takes the writer's lock of a folder, or returns `undefined` at once when somebody holds
 * it. Only a missing lock file is changed (created, 0600).
 *
 * Node offers no flock; an exclusive SQLite transaction is an fcntl lock on the file that
 * also excludes a second opener in this process. The file stays empty.
 *
 * Nothing in this process may open and close the lock file by other means: closing any
 * descriptor of a file drops all fcntl locks that the process has on it.
 *
 * @param path of the lock file
 * @throws {LogDirectoryRefused} LOG_UNWRITABLE when what is there is no lock file
 */
export function acquireDirectoryLock(path: string): DirectoryLock | undefined {
  createLockFile(path)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    // Without a rollback journal no second file appears beside the lock.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    if (isBusy(cause)) return undefined
    const message = `${path} cannot be locked: ${cause instanceof Error ? cause.message : cause}. It is an empty file of ours: remove what is there while no core runs.`
    throw new LogDirectoryRefused('LOG_UNWRITABLE', path, message, { cause })
  }
  held.add(database)
  return {
    release() {
      if (held.delete(database)) database.close()
    },
  }
}

/** SQLite would create the file readable for everybody. An existing file is never opened here: see above. */
function createLockFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

function isBusy(error: unknown): boolean {
  // The low byte is the primary result code.
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}
