import { randomBytes } from 'node:crypto'
import { link, lstat, readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type KeyStore, KeyStoreRefused, type StoredKey } from '../../ports/key-store.ts'
import { errorCode } from '../evidence/error-code.ts'
import { createFileDurably, makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'
import { formatKeyFile, parseKeyFile } from './key-file.ts'
import { readKeyFile } from './read-key-file.ts'

const SUFFIX = '.json'

/**
 * One file for each key, `<id>.json`, mode 0600 in a folder of mode 0700 that is made with
 * the first key.
 *
 * @param directory absolute
 */
export function createFileKeyStore(directory: string): KeyStore {
  function pathOf(id: string): string {
    // Checked by callers; here once more, because the id becomes a path.
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(id)) throw new TypeError('This is no key id')
    return join(directory, `${id}${SUFFIX}`)
  }

  async function find(id: string): Promise<StoredKey | undefined> {
    const path = pathOf(id)
    if (!(await checkPrivate(directory))) return undefined
    const text = await readKeyFile(path)
    return text === undefined ? undefined : parseKeyFile(text, id, path)
  }

  return {
    find,

    async add(key) {
      const path = pathOf(key.id)
      await makeDirectoryDurably(directory)
      await checkPrivate(directory)
      const temporary = join(directory, `.${randomBytes(8).toString('hex')}.tmp`)
      try {
        await createFileDurably(temporary, new TextEncoder().encode(formatKeyFile(key)))
        // A rename would replace what is there; a link never does.
        await link(temporary, path)
      } catch (cause) {
        if (errorCode(cause) !== 'EEXIST') throw cause
        throw new KeyStoreRefused('KEY_EXISTS', `A key named ${key.id} is there already: choose another name.`, {
          cause,
        })
      } finally {
        await rm(temporary, { force: true })
      }
      await syncDirectory(directory)
    },

    async list() {
      if (!(await checkPrivate(directory))) return []
      const names = (await readdir(directory)).filter((name) => !name.startsWith('.') && name.endsWith(SUFFIX)).sort()
      const keys = await Promise.all(names.map((name) => find(name.slice(0, -SUFFIX.length))))
      return keys
        .filter((key) => key !== undefined)
        .map(({ id, publicKey, createdAtMs }) => ({ id, publicKey, createdAtMs }))
    },

    async remove(id) {
      const path = pathOf(id)
      if (!(await checkPrivate(directory))) return false
      try {
        await unlink(path)
      } catch (cause) {
        if (errorCode(cause) === 'ENOENT') return false
        throw cause
      }
      await syncDirectory(directory)
      return true
    },
  }
}

/**
 * Whether the folder is there.
 *
 * @throws {KeyStoreRefused} KEY_STORE_EXPOSED when it is not this user's alone
 */
async function checkPrivate(directory: string): Promise<boolean> {
  let found: Awaited<ReturnType<typeof lstat>>
  try {
    found = await lstat(directory)
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return false
    throw cause
  }
  const user = process.geteuid?.()
  const exposed = (found.mode & 0o077) !== 0 || (user !== undefined && found.uid !== user)
  if (!found.isDirectory() || (exposed && process.platform !== 'win32')) {
    throw new KeyStoreRefused(
      'KEY_STORE_EXPOSED',
      `${directory} must be a folder of this user that nobody else can enter: chmod 700 ${directory}, and replace its keys if somebody may have read them.`,
    )
  }
  return true
}
