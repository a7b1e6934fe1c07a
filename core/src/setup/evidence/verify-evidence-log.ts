import { readFile } from 'node:fs/promises'
import { listJournalSegments } from '../../adapters/evidence/journal-segments.ts'
import { LogDirectoryRefused } from '../../adapters/evidence/log-directory-refused.ts'
import { readLogIdentity } from '../../adapters/evidence/log-identity.ts'
import { createLogFiles, listTileFiles } from '../../adapters/evidence/public-files.ts'
import { openCheckpoint } from '../../domain/evidence/checkpoint.ts'
import { parseVerifierKey } from '../../domain/evidence/verifier-key.ts'
import { type LogVerdict, type VerifyLogOptions, verifyLog } from '../../domain/evidence/verify-log.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { verifierKeysOf } from './log-keys.ts'

export interface VerifyEvidenceLogOptions {
  /** Of one log, the one with `log.json`. */
  readonly directory: string
  readonly verifier: Ed25519Verifier
  /**
   * The log's verifier key strings from a place where whoever writes the log cannot reach.
   * Default: those in `log.json`, which prove nothing against somebody who replaced the whole folder.
   */
  readonly vkeys?: readonly string[]
  /** Files with a checkpoint of this log each, kept elsewhere. */
  readonly anchorFiles?: readonly string[]
  /** The same as bytes that were read already, with a name for messages. */
  readonly anchorNotes?: readonly { readonly name: string; readonly note: Uint8Array }[]
  readonly onProgress?: VerifyLogOptions['onProgress']
}

/**
 * Verifies the log in a folder, without a lock; a running core goes on writing.
 *
 * @throws {LogDirectoryRefused} LOG_NOT_A_LOG, or what reading `log.json` throws
 * @throws {EvidenceRefused} VKEY_MALFORMED; or why an anchor is none of this log's
 */
export async function verifyEvidenceLog(options: VerifyEvidenceLogOptions): Promise<LogVerdict> {
  const { directory, verifier, anchorFiles = [], anchorNotes = [], onProgress } = options
  const identity = await readLogIdentity(directory)
  if (identity === undefined) {
    const message = `${directory} has no log.json and is no evidence log. Name the folder of one log.`
    throw new LogDirectoryRefused('LOG_NOT_A_LOG', directory, message)
  }
  const { origin } = identity
  const keys = options.vkeys?.map(parseVerifierKey) ?? verifierKeysOf(identity)
  const read = await Promise.all(anchorFiles.map(async (name) => ({ name, note: await readFile(name) })))
  const anchors = [...read, ...anchorNotes].map(({ name, note }) => ({
    name,
    checkpoint: openCheckpoint(note, origin, keys, verifier),
  }))
  return verifyLog({
    ...{ origin, keys, verifier, anchors },
    files: createLogFiles(directory),
    tileFiles: () => listTileFiles(directory),
    segments: () => listJournalSegments(directory),
    ...(onProgress && { onProgress }),
  })
}
