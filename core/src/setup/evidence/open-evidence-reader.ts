import { listJournalSegments } from '../../adapters/evidence/journal-segments.ts'
import { LogDirectoryRefused } from '../../adapters/evidence/log-directory-refused.ts'
import { readLogIdentity } from '../../adapters/evidence/log-identity.ts'
import { createLogFiles } from '../../adapters/evidence/public-files.ts'
import { createLogReader, type LogReader } from '../../domain/evidence/log-reader.ts'
import { recoverLog } from '../../domain/evidence/recover-log.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { verifierKeysOf } from './log-keys.ts'

/** A running writer publishes and removes files between two looks; so often it is looked again. */
const ATTEMPTS = 4

/**
 * Opens a log folder for reading, as it is now, without a lock and without changing
 * anything: a running core goes on writing. Entries that are committed later are seen by the
 * next opening.
 *
 * @param directory of one log, the one with `log.json`
 * @throws {LogDirectoryRefused} LOG_NOT_A_LOG, or what reading `log.json` throws
 * @throws {EvidenceRefused} when what is stored is not what was written
 */
export async function openEvidenceReader(directory: string, verifier: Ed25519Verifier): Promise<LogReader> {
  const identity = await readLogIdentity(directory)
  if (identity === undefined) {
    const message = `${directory} has no log.json and is no evidence log. Name the folder of one log.`
    throw new LogDirectoryRefused('LOG_NOT_A_LOG', directory, message)
  }
  const { origin, vkey } = identity
  const files = createLogFiles(directory)
  const segments = () => listJournalSegments(directory)
  const keys = verifierKeysOf(identity)
  const look = async () => recoverLog({ ...{ files, origin, keys, verifier }, segments: await segments(), anchors: [] })

  for (let attempt = 1; ; attempt++) {
    try {
      const { tree, checkpoint } = await look()
      const head = checkpoint && { size: tree.size, checkpoint }
      return createLogReader({ origin, vkey, keys, verifier, files, segments, head: () => head })
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}
