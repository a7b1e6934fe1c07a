import type { EvidenceLogLimits, EvidenceLogOptions } from '../../../../core/src/domain/evidence/evidence-log.ts'
import { createEvidenceLog, EVIDENCE_LOG_LIMITS } from '../../../../core/src/domain/evidence/evidence-log.ts'
import { createBatchFrames } from '../../../../core/src/domain/evidence/frame.ts'
import { recoverJournal } from '../../../../core/src/domain/evidence/recover-journal.ts'
import { createVerifierKey, formatVerifierKey } from '../../../../core/src/domain/evidence/verifier-key.ts'
import type { Ed25519Signer } from '../../../../core/src/ports/ed25519.ts'
import type { Journal, JournalSegment } from '../../../../core/src/ports/journal.ts'
import { createLogSigner, nodeVerifier } from '../../../fakes/log-signer.ts'
import { createMemoryJournal, type MemoryJournal } from '../../../fakes/memory-journal.ts'
import { checkJournal } from '../../../tools/check-log.ts'
import { example, utf8 } from './worked-example.ts'

export const signer: Ed25519Signer = createLogSigner(example.seed)
export const key = createVerifierKey(example.origin, signer.publicKey)
export const vkey = formatVerifierKey(key)

export const recover = (
  segments: readonly JournalSegment[],
  known: Parameters<typeof recoverJournal>[0]['known'] = [],
) => recoverJournal({ segments, origin: example.origin, keys: [key], verifier: nodeVerifier, known })

/** Records what the log reports about itself. */
export function createRecorder() {
  const commits: { records: number; bytes: number; durationMs: number }[] = []
  const failures: unknown[] = []
  const faults: unknown[] = []
  return {
    commits,
    failures,
    faults,
    evidenceCommitted: (event: (typeof commits)[number]) => void commits.push(event),
    evidenceFailed: (event: { cause: unknown }) => void failures.push(event.cause),
    fault: (event: { cause: unknown }) => void faults.push(event.cause),
  }
}

export interface StartOptions {
  readonly wrap?: (journal: Journal) => Journal
  readonly limits?: Partial<EvidenceLogLimits>
  readonly clock?: EvidenceLogOptions['clock']
  readonly signer?: EvidenceLogOptions['signer']
}

/** Starts a log the way a process does: recover, repair, open. */
export async function startLog(disk: MemoryJournal, options: StartOptions = {}) {
  const recovered = await recover(disk.segments())
  const { tornTail, lastBatch } = recovered
  if (tornTail) await disk.repair.quarantineTail(tornTail.segment, tornTail.offset)
  if (lastBatch) await disk.repair.storeAgain(lastBatch.segment, lastBatch.offset, lastBatch.bytes)
  const telemetry = createRecorder()
  const { wrap = (journal) => journal, limits, clock = { monotonicMs: () => 0 } } = options
  const log = createEvidenceLog({
    journal: wrap(disk.open()),
    signer: options.signer ?? signer,
    origin: example.origin,
    recovered,
    telemetry,
    clock,
    limits: { ...EVIDENCE_LOG_LIMITS, ...limits },
  })
  return { log, telemetry, recovered }
}

export const entry = (i: number | string): Uint8Array => utf8(`{"entry":${JSON.stringify(i)}}`)

/** A journal with these batches of entries, numbered through. */
export async function writtenJournal(
  batches: readonly number[],
  limits: Partial<EvidenceLogLimits> = {},
): Promise<MemoryJournal> {
  const disk = createMemoryJournal()
  const { log } = await startLog(disk, { limits })
  let next = 0
  for (const count of batches) await Promise.all(Array.from({ length: count }, () => log.append(entry(next++))))
  await log.close()
  return disk
}

/** Verifies a journal from outside and that everything acknowledged is in it, where it was said to be. */
export function checkAcknowledged(disk: MemoryJournal, acknowledged: ReadonlyMap<number, Uint8Array>) {
  const checked = checkJournal(disk.files(), vkey)
  for (const [index, leaf] of acknowledged) {
    const stored = checked.entries[index]
    if (stored === undefined || Buffer.compare(stored, leaf) !== 0)
      throw new Error(`acknowledged entry ${index} is not in the log`)
  }
  return checked
}

/** The bytes of one batch. */
export function encodeBatch(firstIndex: number, entries: readonly Uint8Array[], note: Uint8Array): Uint8Array {
  const frames = createBatchFrames(firstIndex)
  for (const entry of entries) frames.add(entry)
  return frames.seal(note).bytes
}
