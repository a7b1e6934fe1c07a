import { join } from 'node:path'
import { readAnchor, writeAnchor } from '../../adapters/evidence/anchor-files.ts'
import { freeBytesAt } from '../../adapters/evidence/free-space.ts'
import { type JournalFiles, nodeJournalFiles } from '../../adapters/evidence/journal-files.ts'
import { refusedBySystem } from '../../adapters/evidence/log-directory-refused.ts'
import {
  type EvidenceLocation,
  type LogDirectory,
  openLogDirectory,
} from '../../adapters/evidence/open-log-directory.ts'
import { nodePublicFileCalls, type PublicFileCalls } from '../../adapters/evidence/public-file-calls.ts'
import { listTileFiles } from '../../adapters/evidence/public-files.ts'
import { createAnchorWriter } from '../../domain/evidence/anchor-writer.ts'
import { openCheckpoint } from '../../domain/evidence/checkpoint.ts'
import { createCheckpointFile } from '../../domain/evidence/checkpoint-file.ts'
import { signEmptyCheckpoint } from '../../domain/evidence/checkpoint-signer.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import {
  createEvidenceLog,
  EVIDENCE_LOG_LIMITS,
  type EvidenceLog,
  type EvidenceLogLimits,
} from '../../domain/evidence/evidence-log.ts'
import { createLogReader, type LogReader } from '../../domain/evidence/log-reader.ts'
import { createPublisher } from '../../domain/evidence/publisher.ts'
import { type Anchor, recoverLog } from '../../domain/evidence/recover-log.ts'
import { createRetention } from '../../domain/evidence/retention.ts'
import { encodeRotationRecord } from '../../domain/evidence/rotation-record.ts'
import { watchSpace } from '../../domain/evidence/space-watch.ts'
import { createVerifierKey, formatVerifierKey, type VerifierKey } from '../../domain/evidence/verifier-key.ts'
import { verifyLog } from '../../domain/evidence/verify-log.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ed25519Signer, Ed25519Verifier } from '../../ports/ed25519.ts'
import type { Random } from '../../ports/random.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'
import { openLogKeys, rotateLogKey } from './log-keys.ts'

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
    'evidenceCommitted' | 'evidencePublished' | 'evidenceFailed' | 'evidenceSpace' | 'evidenceTailQuarantined' | 'fault'
  >
  /** Verifies every entry before the log is opened, not only its end. Default: false. */
  readonly verifyAtStart?: boolean
  /** Files with a checkpoint of this log each, which the log must extend. Default: none. */
  readonly anchorFiles?: readonly string[]
  /** Folder where a copy of each published checkpoint is kept, and looked for at start. Default: none. */
  readonly anchorTo?: string
  /** How long entry bundles are kept. Default: 0, for ever. */
  readonly retentionMs?: number
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
  /**
   * Gives the log a new key. It signs from the next start on, for `overlapMs` beside the old
   * one, so that auditors have time to learn it. Resolves to its verifier key string.
   *
   * @throws {LogDirectoryRefused} LOG_KEY_ROTATING while an earlier rotation is under way
   * @throws {EvidenceUnavailable} and then the log goes on with its old key
   */
  rotateKey(overlapMs: number): Promise<string>
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
    throw refusedBySystem(error, opened.directory)
  }
}

async function startLog(opened: LogDirectory, options: OpenEvidenceOptions): Promise<OpenedEvidence> {
  const { createSigner, random, verifier, clock, timer, telemetry, limits = EVIDENCE_LOG_LIMITS } = options
  const { origin, directory, segments, repair, publicFiles: files } = opened
  const { keys, signer, previousSigner, settle, stored } = openLogKeys(opened, createSigner, clock.nowMs())
  const anchors = await readAnchors(opened, options, keys)
  const recovered = await recoverLog({ ...{ files, segments, origin, keys, verifier }, anchors })
  if (options.verifyAtStart === true) await refuseUnlessVerified(opened, keys, verifier, anchors)

  // Everything is proven; from here on files change. A crash in here leaves the torn tail
  // where it was or nothing of it: the next start finds the same committed entries.
  const { tornTail, lastBatch, published, checkpoint, tree } = recovered
  if (tornTail !== undefined) {
    await repair.quarantineTail(tornTail.segment, tornTail.offset)
    telemetry.evidenceTailQuarantined({ segment: tornTail.segment.name, bytes: tornTail.bytes })
  }
  // The last batch may be in the page cache only; nothing may be built on it before it is stored.
  if (lastBatch !== undefined) await repair.storeAgain(lastBatch.segment, lastBatch.offset, lastBatch.bytes)

  const anchorPath = anchorPathOf(opened, options)
  const anchorWriter = createAnchorWriter(
    async (note) => (anchorPath === undefined ? undefined : writeAnchor(anchorPath, note)),
    telemetry,
  )
  const checkpointFile = createCheckpointFile(files)
  const publisher = createPublisher({
    ...{ origin, files, checkpointFile, published, telemetry, clock, timer },
    segments: opened.listSegments,
    removeSegment: opened.removeSegment,
    onPublished: (head) => anchorWriter.offer(head.checkpoint),
  })
  if (checkpoint !== undefined) await publisher.publish({ size: tree.size, checkpoint })
  // An auditor of a log without entries finds a checkpoint that says so. There is one root of size 0.
  else if (published === undefined) await checkpointFile.replace(signEmptyCheckpoint(origin, signer))
  await settle(tree.size, checkpoint)

  const journal = await opened.openJournal(recovered.newestSegmentBytes)
  if (checkpoint !== undefined) await opened.rememberHead(checkpoint)
  const log = createEvidenceLog({
    ...{ journal, signer, previousSigner, origin, recovered, telemetry, clock, limits },
    beforeSigning: checkpointFile.refuseOther,
    async beforeRelease(newest) {
      stopWatching()
      try {
        await retention?.stop()
        await publisher.close()
        await anchorWriter.settled()
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

  const newestHead = () => log.checkpoint && { size: log.size, checkpoint: log.checkpoint }
  const reader = createLogReader({
    ...{ origin, keys, verifier, files, vkey: log.vkey },
    segments: opened.listSegments,
    head: newestHead,
  })
  const { retentionMs = 0 } = options
  const retention =
    retentionMs > 0
      ? createRetention({ log, reader, publisher, files, retentionMs, clock, timer, telemetry })
      : undefined
  retention?.start()
  const stopWatching = watchSpace({ freeBytes: () => freeBytesAt(directory), timer, telemetry })

  return {
    ...{ log, reader, directory },
    quarantinedBytes: tornTail?.bytes ?? 0,
    rotateKey: (overlapMs) =>
      rotateLogKey({
        ...{ opened, stored: stored(), createSigner, newSeed: random.bytes(32) },
        overlapUntilMs: clock.nowMs() + overlapMs,
        async record(oldVkey, newVkey) {
          await log.append(encodeRotationRecord(oldVkey, newVkey, clock.nowMs()))
          const head = newestHead()
          if (head === undefined) throw new TypeError('A log with a record has a checkpoint.')
          await publisher.publish(head)
          return head.checkpoint
        },
      }),
  }
}

/**
 * Where the log was known to be: at its last start or stop, and wherever the operator keeps
 * checkpoints. A log that is shorter, or tells another story, was cut or put back, and going
 * on would sign a second root for one size.
 */
async function readAnchors(
  opened: LogDirectory,
  options: OpenEvidenceOptions,
  keys: readonly VerifierKey[],
): Promise<readonly Anchor[]> {
  const { origin, rememberedHead } = opened
  const notes: { name: string; note: Uint8Array }[] = []
  if (rememberedHead !== undefined) notes.push({ name: 'the remembered head', note: rememberedHead })
  const own = anchorPathOf(opened, options)
  const written = own === undefined ? undefined : await readAnchor(own)
  if (own !== undefined && written !== undefined) notes.push({ name: own, note: written })
  for (const name of options.anchorFiles ?? []) {
    const note = await readAnchor(name)
    if (note === undefined) {
      const message = `The anchor ${name} is missing. Mount its disk or put it back; without it an older copy of the log cannot be told.`
      throw new EvidenceRefused('ANCHOR_MISSING', message, { file: name, expected: 'a checkpoint of this log' })
    }
    notes.push({ name, note })
  }
  return notes.map(({ name, note }) => {
    try {
      return { name, checkpoint: openCheckpoint(note, origin, keys, options.verifier) }
    } catch (cause) {
      if (!(cause instanceof EvidenceRefused)) throw cause
      throw new EvidenceRefused(cause.code, `${name}: ${cause.message}`, { cause, file: name })
    }
  })
}

function anchorPathOf({ id }: LogDirectory, { anchorTo }: OpenEvidenceOptions): string | undefined {
  return anchorTo === undefined ? undefined : join(anchorTo, `${id}.checkpoint`)
}

async function refuseUnlessVerified(
  { directory, origin, listSegments: segments, publicFiles: files }: LogDirectory,
  keys: readonly VerifierKey[],
  verifier: Ed25519Verifier,
  anchors: readonly Anchor[],
): Promise<void> {
  const tileFiles = () => listTileFiles(directory)
  const verdict = await verifyLog({ ...{ files, tileFiles, segments, origin, keys, verifier, anchors } })
  if (verdict.ok) return
  const [first] = verdict.findings
  const { code = 'FILE_DAMAGED', file, index, expected } = first ?? {}
  const where = index === undefined ? `${file}` : `${file}, entry ${index}`
  const more = verdict.findings.length > 1 ? ` and ${verdict.findings.length - 1} findings more` : ''
  throw new EvidenceRefused(code, `${where}: expected ${expected}${more}. Verify the log and compare it with a copy.`, {
    ...(file !== undefined && { file }),
    ...(index !== undefined && { index }),
    ...(expected !== undefined && { expected }),
  })
}
