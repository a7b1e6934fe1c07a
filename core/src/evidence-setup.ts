import { type JournalFiles, nodeJournalFiles } from './adapters/evidence/journal-files.ts'
import { type EvidenceLocation, type LogDirectory, openLogDirectory } from './adapters/evidence/open-log-directory.ts'
import { nodePublicFileCalls, type PublicFileCalls } from './adapters/evidence/public-file-calls.ts'
import { openCheckpoint } from './domain/evidence/checkpoint.ts'
import { createCheckpointFile } from './domain/evidence/checkpoint-file.ts'
import { EvidenceRefused } from './domain/evidence/evidence-errors.ts'
import {
  createEvidenceLog,
  EVIDENCE_LOG_LIMITS,
  type EvidenceLog,
  type EvidenceLogLimits,
} from './domain/evidence/evidence-log.ts'
import { createLogReader, type LogReader } from './domain/evidence/log-reader.ts'
import { createPublisher } from './domain/evidence/publisher.ts'
import { recoverLog } from './domain/evidence/recover-log.ts'
import { createVerifierKey, formatVerifierKey, parseVerifierKey } from './domain/evidence/verifier-key.ts'
import type { Clock } from './ports/clock.ts'
import type { Ed25519Signer, Ed25519Verifier } from './ports/ed25519.ts'
import type { Random } from './ports/random.ts'
import type { Telemetry } from './ports/telemetry.ts'
import type { Timer } from './ports/timer.ts'

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
  readonly timer: Timer
  readonly telemetry: Pick<
    Telemetry,
    'evidenceCommitted' | 'evidencePublished' | 'evidenceFailed' | 'evidenceTailQuarantined' | 'fault'
  >
  /** Default: `EVIDENCE_LOG_LIMITS`. */
  readonly limits?: EvidenceLogLimits
  /** The file system that the journal is written with. Default: the real one. */
  readonly files?: JournalFiles
  /** The file system that tiles, bundles and checkpoint are written with. Default: the real one. */
  readonly publicFiles?: PublicFileCalls
}

export interface OpenedEvidence {
  readonly log: EvidenceLog
  /** Reads the log while it is written. */
  readonly reader: LogReader
  /** Canonical path of the log folder. */
  readonly directory: string
  /** Bytes of a torn tail that this start put to quarantine; 0 when there was none. */
  readonly quarantinedBytes: number
}

/**
 * Opens the evidence log for writing: lock, read, prove, repair, publish, go on
 * (evidence-log §9.4). What cannot be proven is refused, and then no file was changed.
 *
 * @throws {LogDirectoryRefused} when the folder or its key is not as it must be
 * @throws {EvidenceRefused} when what is stored is not what was written
 */
export async function openEvidence(options: OpenEvidenceOptions): Promise<OpenedEvidence> {
  const { createSigner, files = nodeJournalFiles, publicFiles = nodePublicFileCalls } = options
  const opened = await openLogDirectory({
    ...options,
    ...{ files, publicFiles },
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
  { createSigner, verifier, clock, timer, telemetry, limits = EVIDENCE_LOG_LIMITS }: OpenEvidenceOptions,
): Promise<OpenedEvidence> {
  const { origin, directory, segments, repair, publicFiles: files, rememberedHead } = opened
  const signer = createSigner(opened.seed)
  const key = parseVerifierKey(opened.vkey)
  if (formatVerifierKey(createVerifierKey(origin, signer.publicKey)) !== opened.vkey) {
    const message = `log.json in ${directory} names another key than the state folder holds. Put the right one back from a copy.`
    throw new EvidenceRefused('LOG_KEY_MISMATCH', message, { file: 'log.json' })
  }
  const keys = [key]
  // Where the log was when it was last started or stopped: a log that is shorter, or tells
  // another story, was cut or put back, and going on would sign a second root for one size.
  const anchors = rememberedHead === undefined ? [] : [{ name: 'the remembered head', note: rememberedHead }]
  const recovered = await recoverLog({
    ...{ files, segments, origin, keys, verifier },
    anchors: anchors.map(({ name, note }) => ({ name, checkpoint: openCheckpoint(note, origin, keys, verifier) })),
  })

  // Everything is proven; from here on files change. A crash in here leaves the torn tail
  // where it was or nothing of it: the next start finds the same committed entries.
  const { tornTail, lastBatch, published, checkpoint } = recovered
  if (tornTail !== undefined) {
    await repair.quarantineTail(tornTail.segment, tornTail.offset)
    telemetry.evidenceTailQuarantined({ segment: tornTail.segment.name, bytes: tornTail.bytes })
  }
  // The last batch may be in the page cache only; nothing may be built on it before it is stored.
  if (lastBatch !== undefined) await repair.storeAgain(lastBatch.segment, lastBatch.offset, lastBatch.bytes)

  const checkpointFile = createCheckpointFile(files)
  const publisher = createPublisher({
    ...{ origin, files, checkpointFile, published, telemetry, clock, timer },
    segments: opened.listSegments,
    removeSegment: opened.removeSegment,
    onPublished: () => {},
  })
  if (checkpoint !== undefined) await publisher.publish({ size: recovered.tree.size, checkpoint })

  const journal = await opened.openJournal(recovered.newestSegmentBytes)
  if (checkpoint !== undefined) await opened.rememberHead(checkpoint)
  const log = createEvidenceLog({
    ...{ journal, signer, origin, recovered, telemetry, clock, limits },
    beforeSigning: checkpointFile.refuseOther,
    async beforeRelease(newest) {
      try {
        await publisher.close()
      } finally {
        if (newest !== undefined) await opened.rememberHead(newest)
      }
    },
  })
  log.onCommit(({ firstIndex, leaves, checkpoint }) => {
    publisher.offer({ size: firstIndex + leaves.length, checkpoint })
  })
  publisher.onFailure((cause) => log.fail(cause))
  log.onFailure(() => publisher.abandon())
  const reader = createLogReader({
    ...{ origin, keys, verifier, files, vkey: log.vkey },
    segments: opened.listSegments,
    head: () => log.checkpoint && { size: log.size, checkpoint: log.checkpoint },
  })
  return { log, reader, directory, quarantinedBytes: tornTail?.bytes ?? 0 }
}
