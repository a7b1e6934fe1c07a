import { join } from 'node:path'
import { readJsonFile, writeJsonFile } from './json-file.ts'
import { LogDirectoryRefused } from './log-directory-refused.ts'

/** What `log.json` says a log folder is. */
export interface LogIdentity {
  /** Sixteen hexadecimal digits, unique for each log. */
  readonly id: string
  readonly origin: string
  /** Of the key that signs. */
  readonly vkey: string
  /** Keys that signed before, oldest first. For whoever reads the log: a writer trusts its state folder. */
  readonly earlierKeys: readonly EarlierKey[]
}

/** A log key that was replaced (evidence-log §5.1). */
export interface EarlierKey {
  readonly vkey: string
  /** Largest tree size that it may vouch for; absent while it still signs beside the new key. */
  readonly retiredAfter?: number
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
  const earlierKeys = parseEarlierKeys(file.earlierKeys)
  if (earlierKeys === undefined) {
    const message = `${path} has a list of earlier keys that is damaged. Put it back from a copy.`
    throw new LogDirectoryRefused('LOG_DESCRIPTOR_MALFORMED', path, message)
  }
  return { id, origin: file.origin, vkey: file.vkey, earlierKeys }
}

/** The list of earlier keys in a file of ours; none when it is absent, `undefined` when it is damaged. */
export function parseEarlierKeys(value: unknown): readonly EarlierKey[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value)) return undefined
  const keys = value.flatMap((key: unknown): EarlierKey[] => {
    if (typeof key !== 'object' || key === null || !('vkey' in key) || typeof key.vkey !== 'string') return []
    if (!('retiredAfter' in key)) return [{ vkey: key.vkey }]
    const { retiredAfter } = key
    return Number.isSafeInteger(retiredAfter) ? [{ vkey: key.vkey, retiredAfter: Number(retiredAfter) }] : []
  })
  return keys.length === value.length ? keys : undefined
}

/** Writes `log.json`, which makes the folder a log. Durable on return. */
export async function writeLogIdentity(
  directory: string,
  { origin, vkey, earlierKeys }: LogIdentity,
  createdAt: Date,
): Promise<void> {
  const earlier = earlierKeys.length > 0 && { earlierKeys }
  await writeJsonFile(join(directory, FILE), { origin, vkey, ...earlier, createdAt: createdAt.toISOString() })
}

/** Names other keys in `log.json`; everything else in it stays. Durable on return. */
export async function writeLogKeys(
  directory: string,
  { vkey, earlierKeys }: Pick<LogIdentity, 'vkey' | 'earlierKeys'>,
): Promise<void> {
  const path = join(directory, FILE)
  const file = await readJsonFile(path, ['origin', 'vkey'], 'LOG_DESCRIPTOR_MALFORMED')
  await writeJsonFile(path, { ...file, vkey, earlierKeys })
}
