import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from './error-code.ts'

/** A full bundle of the largest entries, each behind its length. */
const MAX_BYTES = 256 * (2 + 65_535)

const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO']

/**
 * The bytes of a file inside a folder; `undefined` when there is no regular file of a
 * plausible size at that path, or a symbolic link leads there.
 *
 * @param directory canonical
 * @param path relative, with `/`, of parts that were checked to name a public file
 */
export async function readPublicFile(directory: string, path: string): Promise<Uint8Array | undefined> {
  const whole = join(directory, path)
  try {
    if ((await realpath(whole)) !== whole) return undefined
    // Not blocked by a pipe that somebody put there.
    const file = await open(whole, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const info = await file.stat()
      if (!info.isFile() || info.size > MAX_BYTES) return undefined
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (ABSENT.includes(errorCode(error))) return undefined
    throw error
  }
}
