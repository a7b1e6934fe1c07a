import { isAbsolute, relative, resolve } from 'node:path'
import { ValueRefused } from './value-refused.ts'

/**
 * Makes a written path absolute: `~` is the home folder, a relative path starts from the
 * folder of the file that it stands in, or from the working folder.
 *
 * @throws {ValueRefused}
 */
export function parseFilePath(text: string, base: string, home: string | undefined): string {
  if (text === '' || text.includes('\0')) throw new ValueRefused('The path is empty or holds a zero byte')
  if (!text.startsWith('~')) return resolve(base, text)
  if (text !== '~' && !text.startsWith('~/'))
    throw new ValueRefused('Only ~ and ~/ stand for a home folder: write the path out')
  if (home === undefined)
    throw new ValueRefused('The path begins with ~ and HOME is not set: set it, or write the path out')
  return resolve(home, text.slice(2))
}

/** Whether `path` is `folder` or lies in it. Symbolic links are not followed. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way))
}
