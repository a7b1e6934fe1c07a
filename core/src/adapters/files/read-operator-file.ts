import { type FileHandle, open } from 'node:fs/promises'
import { FileRefused } from './file-refused.ts'

/** Nothing that operators write by hand or by tool is larger, in bytes. */
const MAX_BYTES = 1024 * 1024

/** A secret file as it was found. */
export interface SecretFile {
  readonly text: string
  /** Whether the file's group can read it too: right for a service group, worth a warning elsewhere. */
  readonly groupReadable: boolean
}

/**
 * Reads a small file whole.
 *
 * @throws {FileRefused} FILE_UNREADABLE
 */
export async function readOperatorFile(path: string): Promise<string> {
  return withFile(path, readBounded)
}

/**
 * Reads a small secret file whole. Mode and content are those of one open file, so that
 * nobody can put another one in its place in between.
 *
 * @throws {FileRefused} FILE_UNREADABLE; FILE_EXPOSED when others can read it, or anybody
 *   but its owner can change it
 */
export async function readSecretFile(path: string): Promise<SecretFile> {
  return withFile(path, async (file) => {
    // Windows has no such modes.
    const mode = process.platform === 'win32' ? 0o600 : (await file.stat()).mode
    if ((mode & 0o027) !== 0) {
      throw new FileRefused(
        'FILE_EXPOSED',
        path,
        `${path} is secret, and others can read or change it: chmod 600 ${path}, and replace what it holds if somebody may have read it.`,
      )
    }
    return { text: await readBounded(file, path), groupReadable: (mode & 0o040) !== 0 }
  })
}

async function withFile<T>(path: string, use: (file: FileHandle, path: string) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    return await use(file, path)
  } catch (cause) {
    if (cause instanceof FileRefused) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new FileRefused('FILE_UNREADABLE', path, `${path} cannot be read: ${reason}`, { cause })
  } finally {
    await file?.close()
  }
}

async function readBounded(file: FileHandle, path: string): Promise<string> {
  const buffer = Buffer.alloc(MAX_BYTES + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length)
    if (bytesRead === 0) return buffer.toString('utf8', 0, length)
    length += bytesRead
    if (length > MAX_BYTES) {
      throw new FileRefused('FILE_UNREADABLE', path, `${path} is larger than ${MAX_BYTES} bytes: name the right file.`)
    }
  }
}
