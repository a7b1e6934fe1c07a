import { constants, type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LocalRevocationFile } from '../../ports/local-revocation-file.ts'
import { makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'
import { createVersionedFile } from './versioned-file.ts'

/** Largest file, in bytes: some hundred thousand revocations by hand. */
const MAX_BYTES = 64 * 1024 * 1024

const LINE_END = 0x0a

/** The file of local revocations at a path; made, 0600, with the first line. */
export function createLocalRevocationFile(path: string): LocalRevocationFile {
  return {
    ...createVersionedFile(path, MAX_BYTES),
    async append(line, cutAt) {
      await makeDirectoryDurably(dirname(path))
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600)
      try {
        if (cutAt !== undefined) await handle.truncate(cutAt)
        // One write: lines of two cores do not mix.
        await handle.appendFile(`${(await endsWithLine(handle)) ? '' : '\n'}${line}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await syncDirectory(dirname(path))
    },
  }
}

async function endsWithLine(handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat()
  if (size === 0) return true
  const last = new Uint8Array(1)
  await handle.read(last, 0, 1, size - 1)
  return last[0] === LINE_END
}
