import { randomBytes } from 'node:crypto'
import { opendir, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { LogFiles, PublicLogFiles } from '../../ports/log-files.ts'
import { errorCode } from './error-code.ts'
import type { PublicFileCalls } from './public-file-calls.ts'

/** Folder of tiles and bundles inside a log folder. */
export const TILE_FOLDER = 'tile'

const PARTIAL_FOLDER = /\.p$/
const TEMPORARY_CHECKPOINT = /^checkpoint\.[0-9a-f]{16}\.tmp$/
const TEMPORARY_FILE = /\.[0-9a-f]{16}\.tmp$/

/** The public files of a log folder, for reading. Paths are relative to it and trusted: they are made, never received. */
export function createLogFiles(directory: string): LogFiles {
  return {
    async read(path) {
      try {
        // Not as a Buffer, whose slices share its memory.
        return new Uint8Array(await readFile(join(directory, path)))
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw error
      }
    },
  }
}

/** Paths of all files under `tile/` in a log folder, in no order. */
export function listTileFiles(directory: string): AsyncIterable<string> {
  return walk(directory, TILE_FOLDER)
}

/** The public files of a log folder whose lock the caller holds. */
export function createPublicFiles(directory: string, calls: PublicFileCalls): PublicLogFiles {
  // Folders whose entries are not durable yet.
  const dirty = new Set<string>()
  // Folders that this process knows to be there, with their entries above them on the way to the disk.
  const known = new Set<string>([directory])

  // Temporary files of writes that are under way; others are left-overs.
  const writing = new Set<string>()

  async function ensureFolder(folder: string): Promise<void> {
    if (known.has(folder)) return
    const parent = dirname(folder)
    await ensureFolder(parent)
    await calls.makeDirectory(folder)
    // Also where it existed: the process that made it may have been killed before its sync.
    dirty.add(parent)
    known.add(folder)
  }

  async function removeLeftOver(path: string): Promise<void> {
    const temporary = join(directory, path)
    if (!writing.has(temporary)) await rm(temporary, { force: true })
  }

  return {
    ...createLogFiles(directory),

    async write(path, bytes) {
      const target = join(directory, path)
      const temporary = `${target}.${randomBytes(8).toString('hex')}.tmp`
      const folder = dirname(target)
      await ensureFolder(folder)
      writing.add(temporary)
      try {
        await calls.createSynced(temporary, bytes)
        await calls.rename(temporary, target)
      } catch (error) {
        // On a full disk every start would leave one more.
        await rm(temporary, { force: true }).catch(() => undefined)
        throw error
      } finally {
        writing.delete(temporary)
      }
      dirty.add(folder)
    },

    async flush() {
      for (const folder of dirty) await calls.syncDirectory(folder)
      dirty.clear()
    },

    async remove(path) {
      const target = join(directory, path)
      await calls.remove(target).catch(unlessAbsent)
      const folder = dirname(target)
      if (!PARTIAL_FOLDER.test(folder)) return
      known.delete(folder)
      await calls.removeEmptyDirectory(folder).catch(unlessAbsent)
    },

    async *partialFiles() {
      for (const name of await readdir(directory)) {
        if (TEMPORARY_CHECKPOINT.test(name)) await removeLeftOver(name)
      }
      for await (const path of walk(directory, TILE_FOLDER)) {
        if (TEMPORARY_FILE.test(path)) await removeLeftOver(path)
        else if (PARTIAL_FOLDER.test(dirname(path))) yield path
      }
    },

    fingerprint: (path) => calls.stat(join(directory, path)),
  }
}

async function* walk(directory: string, path: string): AsyncGenerator<string, void, undefined> {
  const folder = await opendir(join(directory, path)).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
  if (folder === undefined) return
  for await (const entry of folder) {
    const inside = `${path}/${entry.name}`
    if (entry.isDirectory()) yield* walk(directory, inside)
    else yield inside
  }
}

function unlessAbsent(error: unknown): void {
  // Not empty: newer partial files are there.
  if (!isAbsent(error) && !['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')
}
