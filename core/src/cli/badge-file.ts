import { placeFile } from '../adapters/files/place-file.ts'
import { InputRefused } from './read-input.ts'

/**
 * Puts a badge into a file, for its owner only. It is renewed again and again, so it replaces
 * the badge before it, all at once.
 *
 * @param path absolute
 * @throws {InputRefused}
 */
export async function writeBadgeFile(path: string, token: string): Promise<void> {
  try {
    await placeFile(path, new TextEncoder().encode(`${token}\n`), { existing: 'replace' })
  } catch (cause) {
    throw new InputRefused(`The badge cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}
