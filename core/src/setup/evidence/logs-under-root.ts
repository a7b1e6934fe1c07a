import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LogDirectoryRefused } from '../../adapters/evidence/log-directory-refused.ts'
import { type LogIdentity, readLogIdentity } from '../../adapters/evidence/log-identity.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'

/** A log folder and what its `log.json` says. */
export interface FoundLog {
  readonly directory: string
  readonly identity: LogIdentity
}

/** What only a log has, and every log that ever held an entry. */
const LOG_CONTENT: readonly string[] = ['checkpoint', 'tile', 'journal']

/**
 * The logs under an evidence root, in the order of their names. What is no log is passed
 * over; a log that cannot be told for one any more is not: whoever asks for all logs must
 * not be shown fewer in silence.
 *
 * @param wanted id of the only log that is looked for. Default: all
 * @throws {EvidenceRefused} FILE_MISSING when a folder holds a log without its `log.json`
 * @throws {LogDirectoryRefused} LOG_COPIED when a folder holds another log than its name says, or what reading
 *   `log.json` throws
 */
export async function logsUnder(root: string, wanted?: string): Promise<readonly FoundLog[]> {
  const found: FoundLog[] = []
  for (const entry of (await readdir(join(root, 'logs'), { withFileTypes: true })).sort(byName)) {
    const { name } = entry
    const isLogId = /^[0-9a-f]{16}$/.test(name)
    if (entry.isFile() || (wanted !== undefined && isLogId && name !== wanted)) continue
    const directory = join(root, 'logs', name)
    const identity = await readLogIdentity(directory)
    if (identity === undefined) {
      if (isLogId) await refuseRemains(directory)
    } else if (isLogId && identity.id !== name) {
      const message = `${directory} holds the log ${identity.origin}, which was copied or moved there. Put the log ${name} back.`
      throw new LogDirectoryRefused('LOG_COPIED', directory, message)
    } else if (wanted === undefined || identity.id === wanted) found.push({ directory, identity })
  }
  return found
}

async function refuseRemains(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  if (!names.some((name) => LOG_CONTENT.includes(name))) return
  const file = join(directory, 'log.json')
  const message = `${file} is missing, which says whose log is in that folder. Put it back from a copy.`
  throw new EvidenceRefused('FILE_MISSING', message, { file, expected: 'the file' })
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}
