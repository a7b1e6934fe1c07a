import { join } from 'node:path'
import { readJsonFile, writeJsonFile } from './json-file.ts'
import { LogDirectoryRefused } from './log-directory-refused.ts'

/** What `log.json` says a log folder is. */
export interface LogIdentity {
  /** Sixteen hexadecimal digits, unique for each log. */
  readonly id: string
  readonly origin: string
  readonly vkey: string
}

const ORIGIN_PREFIX = 'evidence.capiscio.local/'
const FILE = 'log.json'

/** The origin of the log with this id. */
export function originOf(id: string): string {
  return ORIGIN_PREFIX + id
}

/**
 * Reads a folder's `log.json`; `undefined` when there is none.
 *
 * @throws {LogDirectoryRefused} LOG_DESCRIPTOR_MALFORMED or LOG_FORMAT_NEWER
 */
export async function readLogIdentity(directory: string): Promise<LogIdentity | undefined> {
  const path = join(directory, FILE)
  const file = await readJsonFile(path, ['origin', 'vkey'], 'LOG_DESCRIPTOR_MALFORMED')
  if (file === undefined) return undefined
  const id = file.origin.slice(ORIGIN_PREFIX.length)
  if (!/^[0-9a-f]{16}$/.test(id) || file.origin !== originOf(id)) {
    throw new LogDirectoryRefused(
      'LOG_DESCRIPTOR_MALFORMED',
      path,
      `${path} names no origin of ours. Put it back from a copy.`,
    )
  }
  return { id, origin: file.origin, vkey: file.vkey }
}

/** Writes `log.json`, which makes the folder a log. Durable on return. */
export async function writeLogIdentity(
  directory: string,
  { origin, vkey }: LogIdentity,
  createdAt: Date,
): Promise<void> {
  await writeJsonFile(join(directory, FILE), { origin, vkey, createdAt: createdAt.toISOString() })
}
