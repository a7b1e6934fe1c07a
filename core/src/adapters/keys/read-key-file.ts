import { constants, type FileHandle, open } from 'node:fs/promises'
import { KeyStoreRefused } from '../../ports/key-store.ts'
import { errorCode } from '../evidence/error-code.ts'

/** Larger than any key file, in bytes. */
const MAX_BYTES = 4096

/**
 * Text of a key file; absent when there is none. Secret.
 *
 * @throws {KeyStoreRefused} KEY_STORE_EXPOSED when others can read it; KEY_DAMAGED when it
 *   is no plain file of a key's size
 */
export async function readKeyFile(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined
  try {
    // A link would lead out of the folder whose mode protects the keys.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { mode, size } = await file.stat()
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw new KeyStoreRefused(
        'KEY_STORE_EXPOSED',
        `${path} is a private key, and others can read it: remove the key and make a new one.`,
      )
    }
    if (size > MAX_BYTES) throw damaged(path)
    return await file.readFile('utf8')
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    if (errorCode(cause) === 'ELOOP' || errorCode(cause) === 'EISDIR') throw damaged(path, cause)
    throw cause
  } finally {
    await file?.close()
  }
}

function damaged(path: string, cause?: unknown): KeyStoreRefused {
  return new KeyStoreRefused('KEY_DAMAGED', `${path} is not a key file. Put it back from a copy.`, { cause })
}
