import { constants } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { syncDirectory } from '../files/durable-write.ts'
import { errorCode } from './error-code.ts'
import { LogDirectoryRefused } from './log-directory-refused.ts'

/**
 * Checks, without changing anything, that a folder can be used by this user alone, or can
 * be made where it is missing.
 *
 * @throws {LogDirectoryRefused} LOG_UNWRITABLE, LOG_WRONG_OWNER or LOG_WRONG_MODE
 */
export async function checkPrivateDirectory(path: string): Promise<void> {
  const info = await statOrUndefined(path)
  if (info === undefined) return checkCreatable(path, dirname(path))
  if (!info.isDirectory())
    throw new LogDirectoryRefused('LOG_UNWRITABLE', path, `${path} is not a folder. Name another one.`)
  const user = process.geteuid?.()
  if (user !== undefined && info.uid !== user) {
    throw new LogDirectoryRefused(
      'LOG_WRONG_OWNER',
      path,
      `${path} belongs to user ${info.uid}, and this process runs as user ${user}. Run as its owner, or: chown -R ${user} ${path}`,
    )
  }
  // Whoever may write a folder may replace every file in it.
  if ((info.mode & 0o022) !== 0) {
    throw new LogDirectoryRefused('LOG_WRONG_MODE', path, `Others may write ${path}. Take that away: chmod 700 ${path}`)
  }
  // The superuser passes every access check, so the mode is looked at as well.
  if ((info.mode & 0o300) !== 0o300 || !(await isWritable(path))) {
    throw new LogDirectoryRefused(
      'LOG_UNWRITABLE',
      path,
      `${path} is read-only. Make it writable: chmod 700 ${path}, or mount it read-write.`,
    )
  }
}

async function checkCreatable(path: string, ancestor: string): Promise<void> {
  const info = await statOrUndefined(ancestor)
  if (info === undefined && ancestor !== dirname(ancestor)) return checkCreatable(path, dirname(ancestor))
  if (info?.isDirectory() !== true || !(await isWritable(ancestor))) {
    throw new LogDirectoryRefused(
      'LOG_UNWRITABLE',
      path,
      `${path} cannot be made: ${ancestor} is not a writable folder. Make ${path} yourself with mode 700.`,
    )
  }
}

/** The path without symbolic links, also where its last parts do not exist yet. */
export async function canonicalPath(path: string): Promise<string> {
  const absolute = resolve(path)
  try {
    return await realpath(absolute)
  } catch (error) {
    const parent = dirname(absolute)
    if (errorCode(error) !== 'ENOENT' || parent === absolute) throw error
    return join(await canonicalPath(parent), absolute.slice(parent.length))
  }
}

/**
 * Syncs a folder and those above it. A process that was killed right after it made one of
 * them may have left the entry in memory only. Folders above that this user may not read
 * are somebody else's and older.
 */
export async function syncWithAncestors(path: string): Promise<void> {
  await syncDirectory(path)
  for (let folder = path; folder !== dirname(folder); ) {
    folder = dirname(folder)
    try {
      await syncDirectory(folder)
    } catch (error) {
      if (!['EACCES', 'EPERM', 'EINVAL', 'EROFS', 'ENOTSUP'].includes(errorCode(error) ?? '')) throw error
    }
  }
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function statOrUndefined(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'EACCES') {
      throw new LogDirectoryRefused('LOG_UNWRITABLE', path, `${path} cannot be reached. Check the folders above it.`, {
        cause: error,
      })
    }
    throw error
  }
}
