import { open } from 'node:fs/promises'
import type { VersionedBytes, VersionedFile } from '../../ports/versioned-file.ts'
import { errorCode } from '../evidence/error-code.ts'

/** A file of the operator's, read whole. */
export function createVersionedFile(path: string, maxBytes: number): VersionedFile {
  async function read(knownVersion: string | undefined): Promise<VersionedBytes | undefined> {
    const handle = await open(path, 'r')
    try {
      const { mtimeMs, ctimeMs, size, ino } = await handle.stat()
      const version = `${ino}:${size}:${mtimeMs}:${ctimeMs}`
      if (version === knownVersion) return undefined
      if (size > maxBytes) throw new RangeError(`${path} is larger than ${maxBytes} bytes`)
      return { bytes: await handle.readFile(), version }
    } finally {
      await handle.close()
    }
  }
  return {
    path,
    async read(knownVersion?: string) {
      try {
        return (await read(knownVersion)) as VersionedBytes
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
        return (knownVersion === ABSENT ? undefined : { bytes: undefined, version: ABSENT }) as VersionedBytes
      }
    },
  }
}

const ABSENT = 'absent'
