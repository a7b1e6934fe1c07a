import { closeSync, existsSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'
import { RegistryStoreRefused } from './registry-store-refused.ts'
import { createSchema, updateSchema } from './sqlite-schema.ts'

/** How long a statement waits for another process that is writing. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens the database file of a registry.
 *
 * @param file absolute
 * @throws {RegistryStoreRefused} STORE_MISSING, STORE_FOREIGN, STORE_NEWER
 */
export function openSqliteDatabase(file: string): DatabaseSync {
  if (!existsSync(file)) {
    throw new RegistryStoreRefused(
      'STORE_MISSING',
      `${file} does not exist: make a registry with capiscio registry init.`,
    )
  }
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    updateSchema(database, file)
    configure(database, 'FULL')
    return database
  } catch (cause) {
    database.close()
    if (
      cause instanceof RegistryStoreRefused ||
      !(cause instanceof Error) ||
      !cause.message.includes('not a database')
    ) {
      throw cause
    }
    throw new RegistryStoreRefused('STORE_FOREIGN', `${file} is not a database. Name another file.`, { cause })
  }
}

/**
 * Makes the database file of a new registry, for its owner only. Its side files get the same
 * mode from SQLite.
 *
 * @throws {RegistryStoreRefused} STORE_EXISTS
 */
export async function createSqliteDatabase(file: string, issuer: string): Promise<void> {
  if (existsSync(file)) {
    throw new RegistryStoreRefused('STORE_EXISTS', `${file} exists: a registry is made only once. Name another file.`)
  }
  await makeDirectoryDurably(dirname(file))
  closeSync(openSync(file, 'wx', 0o600))
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    configure(database, 'FULL')
    createSchema(database, issuer)
  } finally {
    database.close()
  }
  await syncDirectory(dirname(file))
}

/**
 * A second connection for what may be forgotten in a crash: its commits wait for no disk. It
 * never writes while the first one does, because neither keeps a transaction open over a turn
 * of the event loop.
 */
export function openLaxConnection(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  configure(database, 'NORMAL')
  return database
}

function configure(database: DatabaseSync, synchronous: 'FULL' | 'NORMAL'): void {
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA fullfsync = ON; PRAGMA trusted_schema = OFF`,
  )
}
