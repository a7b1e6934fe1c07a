import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Puts a whole file at a path that is free; its folder is made where it is missing, for its
 * owner only. The bytes are on disk, with their permissions, before the name is: no moment and
 * no crash leaves half a key, or one that others can read. A link, unlike a rename, replaces
 * nothing.
 *
 * @param path absolute
 * @throws EEXIST when the path is taken, by anything
 */
export function placeNewFile(path: string, text: string, mode: number): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`)
  const file = openSync(temporary, 'wx', mode)
  try {
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    linkSync(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
  syncFolder(folder)
}

/** Windows opens no folders. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const directory = openSync(folder, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
