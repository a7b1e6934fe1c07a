import { type JournalFiles, nodeJournalFiles } from './adapters/evidence/journal-files.ts'
import { type EvidenceLocation, type LogDirectory, openLogDirectory } from './adapters/evidence/open-log-directory.ts'
import { openCheckpoint } from './domain/evidence/checkpoint.ts'
import { EvidenceRefused } from './domain/evidence/evidence-errors.ts'
import {
  createEvidenceLog,
  EVIDENCE_LOG_LIMITS,
  type EvidenceLog,
  type EvidenceLogLimits,
} from './domain/evidence/evidence-log.ts'
import { recoverJournal } from './domain/evidence/recover-journal.ts'
import { createVerifierKey, formatVerifierKey, parseVerifierKey } from './domain/evidence/verifier-key.ts'
import type { Clock } from './ports/clock.ts'
import type { Ed25519Signer, Ed25519Verifier } from './ports/ed25519.ts'
import type { Random } from './ports/random.ts'
import type { Telemetry } from './ports/telemetry.ts'

export interface OpenEvidenceOptions {
  /** `root`: the first free log under it. `directory`: exactly this log. */
  readonly location: EvidenceLocation
  /** Holds the log keys; outside the evidence. */
  readonly stateDir: string
  /** Allows `directory` to start a new log where one was before and is gone. */
  readonly startEmpty: boolean
  readonly verifier: Ed25519Verifier
  /** A signer with the private key that the 32-byte seed stands for (RFC 8032). */
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
  readonly random: Random
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'evidenceCommitted' | 'evidenceFailed' | 'evidenceTailQuarantined' | 'fault'>
  /** Default: `EVIDENCE_LOG_LIMITS`. */
  readonly limits?: EvidenceLogLimits
  /** The file system that the journal is written with. Default: the real one. */
  readonly files?: JournalFiles
}

export interface OpenedEvidence {
  readonly log: EvidenceLog
  /** Canonical path of the log folder. */
  readonly directory: string
  /** Bytes of a torn tail that this start put to quarantine; 0 when there was none. */
  readonly quarantinedBytes: number
}

/**
 * Opens the evidence log for writing: lock, read, prove, repair, go on (evidence-log §9.4).
 * What cannot be proven is refused, and then no file was changed.
 *
 * @throws {LogDirectoryRefused} when the folder or its key is not as it must be
 * @throws {EvidenceRefused} when what is stored is not what was written
 */
export async function openEvidence(options: OpenEvidenceOptions): Promise<OpenedEvidence> {
  const { createSigner, files = nodeJournalFiles } = options
  const opened = await openLogDirectory({
    ...options,
    files,
    vkeyOf: (origin, seed) => formatVerifierKey(createVerifierKey(origin, createSigner(seed).publicKey)),
  })
  try {
    return await startLog(opened, options)
  } catch (error) {
    opened.release()
    throw error
  }
}

async function startLog(
  opened: LogDirectory,
  { createSigner, verifier, clock, telemetry, limits = EVIDENCE_LOG_LIMITS }: OpenEvidenceOptions,
): Promise<OpenedEvidence> {
  const { origin, directory, segments, repair, publishedCheckpoint, rememberedHead } = opened
  const signer = createSigner(opened.seed)
  const key = parseVerifierKey(opened.vkey)
  if (formatVerifierKey(createVerifierKey(origin, signer.publicKey)) !== opened.vkey) {
    const message = `log.json in ${directory} names another key than the state folder holds. Put the right one back from a copy.`
    throw new EvidenceRefused('LOG_KEY_MISMATCH', message, { file: 'log.json' })
  }
  // Where the log was when it was last started or stopped: a journal that is shorter, or tells
  // another story, was cut or put back, and going on would sign a second root for one size.
  const known = [publishedCheckpoint, rememberedHead]
    .filter((note) => note !== undefined)
    .map((note) => openCheckpoint(note, origin, [key], verifier))
  const recovered = await recoverJournal({ segments, origin, keys: [key], verifier, known })

  // Everything is proven; from here on files change. A crash in here leaves the torn tail
  // where it was or nothing of it: the next start finds the same committed entries.
  const { tornTail, lastBatch } = recovered
  if (tornTail !== undefined) {
    await repair.quarantineTail(tornTail.segment, tornTail.offset)
    telemetry.evidenceTailQuarantined({ segment: tornTail.segment.name, bytes: tornTail.bytes })
  }
  // The last batch may be in the page cache only; nothing may be built on it before it is stored.
  if (lastBatch !== undefined) await repair.storeAgain(lastBatch.segment, lastBatch.offset, lastBatch.bytes)

  const journal = await opened.openJournal(recovered.newestSegmentBytes)
  if (recovered.checkpoint !== undefined) await opened.rememberHead(recovered.checkpoint)
  const log = createEvidenceLog({
    ...{ journal, signer, origin, recovered, telemetry, clock, limits },
    rememberHead: (checkpoint) => opened.rememberHead(checkpoint),
  })
  return { log, directory, quarantinedBytes: tornTail?.bytes ?? 0 }
}
