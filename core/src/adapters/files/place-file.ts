import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from './durable-write.ts'

export interface PlaceFileOptions {
  /** Permissions, less what the umask takes away. Default 0600. */
  readonly mode?: number
  /** What happens to a file that is there. Default `refuse`. */
  readonly existing?: 'refuse' | 'replace'
}

/**
 * Puts a whole file at a path, at once: whoever looks finds nothing, or what was there, or
 * all the new bytes, also after a crash. On return they survive a power cut.
 *
 * System calls: open(O_EXCL) a temporary file beside it, write, fsync, close; then link,
 * which fails where the path is taken, or rename, which replaces; fsync of the directory.
 * The temporary file is removed if it can be.
 *
 * @param path absolute; its directory exists
 * @throws EEXIST when the path is taken, by anything, and may not be replaced
 */
export async function placeFile(path: string, bytes: Uint8Array, options: PlaceFileOptions = {}): Promise<void> {
  const { mode = 0o600, existing = 'refuse' } = options
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    if (existing === 'replace') await rename(temporary, path)
    else await link(temporary, path)
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
  await syncDirectory(dirname(path))
}
