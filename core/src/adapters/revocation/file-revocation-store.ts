import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '../../lib/crc32c.ts'
import { sha256 } from '../../lib/sha256.ts'
import {
  type RevocationStore,
  type SavedIds,
  StoredRevocationsDamaged,
  type StoredState,
} from '../../ports/revocation-store.ts'
import { acquireDirectoryLock, type DirectoryLock } from '../evidence/directory-lock.ts'
import { errorCode } from '../evidence/error-code.ts'
import { createFileDurably, makeDirectoryDurably, syncDirectory, writeFileDurably } from '../files/durable-write.ts'
import { formatStateFile, parseStateFile, type StateFile } from './state-file.ts'

/** Packed ids in the files have this many bytes each. */
const ID_BYTES = 16
const PIECE_BYTES = 1024 * 1024

/** What this process last loaded or saved of an issuer. */
interface Place {
  readonly file: string
  readonly count: number
  readonly crc: number
}

/**
 * Keeps revocations under a folder: for each issuer one folder with the ids, 16 bytes
 * each, and `state.json`, which says how many of them count, their sum, and when they were
 * synced. Ids are appended and synced before the state that counts them takes the place of
 * the old one, so that a crash leaves the old state and some bytes that nobody counts.
 *
 * One process writes, the one that holds the lock. The others read at their start and sync
 * for themselves. Places that were read without the lock may have changed since: nothing
 * is ever added to them.
 */
export function createFileRevocationStore(directory: string): RevocationStore & Disposable {
  const places = new Map<string, Place>()
  const damaged = new Set<string>()
  let lock: DirectoryLock | undefined

  async function holdsLock(): Promise<boolean> {
    if (lock === undefined) {
      await makeDirectoryDurably(directory)
      lock = acquireDirectoryLock(join(directory, 'lock'))
    }
    return lock !== undefined
  }

  async function loadOnce(issuer: string, take: (ids: Uint8Array) => void): Promise<StoredState | undefined> {
    const folder = folderOf(directory, issuer)
    const state = await readState(join(folder, 'state.json'), issuer)
    if (state === undefined) return undefined
    const { file, count, crc } = state
    if ((await readIds(join(folder, file), count, take)) !== crc) {
      throw new StoredRevocationsDamaged(`${join(folder, file)} is not what was saved`)
    }
    if (lock !== undefined) places.set(issuer, { file, count, crc })
    return state
  }

  async function append(folder: string, { file, count, crc }: Place, ids: Uint8Array): Promise<Place> {
    const handle = await open(join(folder, file), 'r+')
    try {
      // Bytes after the counted ones are from a save that never ended.
      await handle.truncate(count * ID_BYTES)
      await writeAt(handle, ids, count * ID_BYTES)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return { file, count: count + ids.length / ID_BYTES, crc: crc32c(ids, crc) }
  }

  async function writeAll(folder: string, pieces: Iterable<Uint8Array>): Promise<Place> {
    const file = `ids-${randomBytes(8).toString('hex')}.bin`
    await createFileDurably(join(folder, file), new Uint8Array())
    const handle = await open(join(folder, file), 'r+')
    let bytes = 0
    let crc = 0
    try {
      for (const piece of pieces) {
        await writeAt(handle, piece, bytes)
        bytes += piece.length
        crc = crc32c(piece, crc)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await syncDirectory(folder)
    return { file, count: bytes / ID_BYTES, crc }
  }

  async function place(issuer: string, folder: string, ids: SavedIds): Promise<Place | undefined> {
    if ('all' in ids) return writeAll(folder, ids.all)
    const known = places.get(issuer)
    return known === undefined || ids.added.length === 0 ? known : append(folder, known, ids.added)
  }

  return {
    async load(issuer, take) {
      // A folder that cannot be written can be read all the same.
      await holdsLock().catch(() => false)
      try {
        return await loadOnce(issuer, take)
      } catch (cause) {
        const damage = toDamage(cause)
        if (damage !== undefined) damaged.add(issuer)
        throw damage ?? cause
      }
    },
    async save(issuer, ids, state) {
      if (!(await holdsLock())) return false
      const folder = folderOf(directory, issuer)
      if (damaged.has(issuer)) {
        await rename(folder, `${folder}.damaged-${randomBytes(4).toString('hex')}`)
        damaged.delete(issuer)
      }
      await makeDirectoryDurably(folder)
      const saved = await place(issuer, folder, ids)
      if (saved === undefined) return false
      await writeFileDurably(join(folder, 'state.json'), formatStateFile({ issuer, ...saved, ...state }))
      places.set(issuer, saved)
      await removeOthers(folder, saved.file)
      return true
    },
    [Symbol.dispose]() {
      lock?.release()
      lock = undefined
    },
  }
}

/** Files that cannot be read say as little as files that are not what was saved. */
function toDamage(cause: unknown): StoredRevocationsDamaged | undefined {
  if (cause instanceof StoredRevocationsDamaged) return cause
  return errorCode(cause) === undefined ? undefined : new StoredRevocationsDamaged((cause as Error).message, { cause })
}

/** An issuer may have a name that no file can have. */
function folderOf(directory: string, issuer: string): string {
  return join(
    directory,
    Buffer.from(sha256(new TextEncoder().encode(issuer)))
      .toString('hex')
      .slice(0, 32),
  )
}

async function readState(path: string, issuer: string): Promise<StateFile | undefined> {
  const handle = await openIfThere(path)
  if (handle === undefined) return undefined
  try {
    const state = parseStateFile(await handle.readFile('utf8'))
    if (state?.issuer !== issuer) throw new StoredRevocationsDamaged(`${path} is not what was saved`)
    return state
  } finally {
    await handle.close()
  }
}

/** Hands over `count` ids and returns their sum. */
async function readIds(path: string, count: number, take: (ids: Uint8Array) => void): Promise<number> {
  const handle = await openIfThere(path)
  if (handle === undefined) throw new StoredRevocationsDamaged(`${path} is gone`)
  const piece = new Uint8Array(PIECE_BYTES)
  let crc = 0
  try {
    for (let left = count * ID_BYTES; left > 0; ) {
      const wanted = Math.min(left, PIECE_BYTES)
      const { bytesRead } = await handle.read(piece, 0, wanted)
      if (bytesRead !== wanted) throw new StoredRevocationsDamaged(`${path} is shorter than it was saved`)
      const ids = piece.subarray(0, wanted)
      crc = crc32c(ids, crc)
      take(ids)
      left -= wanted
    }
  } finally {
    await handle.close()
  }
  return crc
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}

/** Ids of earlier whole saves, and of those that never ended. */
async function removeOthers(folder: string, current: string): Promise<void> {
  const names = await readdir(folder)
  const others = names.filter((name) => /^ids-[0-9a-f]{16}\.bin$/.test(name) && name !== current)
  await Promise.all(others.map((name) => rm(join(folder, name), { force: true })))
}
