import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Files are for their owner only, whatever the umask is. */
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/**
 * Replaces or creates a file so that after a crash it holds either the old bytes or the
 * new ones, whole. On return the new ones survive a power cut.
 *
 * System calls: open(O_EXCL) a temporary file beside it, write, fsync, close, rename,
 * fsync of the directory. Sad path: any error leaves the old file, and the temporary one
 * is removed if it can be. An fsync is never tried twice: the kernel may have dropped the
 * pages that the first one failed to write.
 *
 * @param path absolute; its directory exists
 */
export async function writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await createFileDurably(temporary, bytes)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  await syncDirectory(dirname(path))
}

/**
 * Writes a file that must not exist yet and syncs its bytes. The caller syncs the
 * directory, once for all the files it made there.
 *
 * @throws EEXIST when the path is taken, by anything
 */
export async function createFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Makes a directory (0700) and every missing parent, and syncs each folder that got a new
 * entry. Does nothing where the directory exists.
 *
 * @param path absolute
 */
export async function makeDirectoryDurably(path: string): Promise<void> {
  if (await isDirectory(path)) return
  const parent = dirname(path)
  if (parent !== path) await makeDirectoryDurably(parent)
  try {
    await mkdir(path, { mode: DIRECTORY_MODE })
  } catch (error) {
    // Another process may have made it a moment ago; a file in the way is an error.
    if (!(await isDirectory(path))) throw error
  }
  await syncDirectory(parent)
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle | undefined
  try {
    directory = await open(path, 'r')
    await directory.sync()
  } finally {
    await directory?.close()
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
