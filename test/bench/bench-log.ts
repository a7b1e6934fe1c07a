import { join } from 'node:path'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../core/src/adapters/crypto/system-random.ts'
import { systemClock } from '../../core/src/adapters/time/system-clock.ts'
import { systemTimer } from '../../core/src/adapters/time/system-timer.ts'
import { EVIDENCE_LOG_LIMITS } from '../../core/src/domain/evidence/evidence-log.ts'
import { encodeRecord } from '../../core/src/domain/evidence/record.ts'
import type { Timer } from '../../core/src/ports/timer.ts'
import { type OpenedEvidence, openEvidence } from '../../core/src/setup/evidence/open-evidence.ts'

/** One publication: entries that became public files together. */
export interface Publication {
  readonly size: number
  readonly entries: number
  readonly durationMs: number
}

export interface BenchLogOptions {
  /** Default: true. Without it, what is left is the journal. */
  readonly publishes?: boolean
  /** Most entries in one batch. Default: as the core has it. 1 turns group commit off. */
  readonly batchEntries?: number
  readonly onPublished?: (publication: Publication) => void
}

const quiet = (): void => {}

/** Publishing that never becomes due. What was appended is published when the log is closed. */
const never: Timer = { after: () => quiet }

const fail = ({ cause }: { readonly cause: unknown }): never => {
  throw cause
}

/** Opens a log as the core does, in a folder of its own with its state beside it. */
export function openBenchLog(folder: string, options: BenchLogOptions = {}): Promise<OpenedEvidence> {
  const { publishes = true, batchEntries = EVIDENCE_LOG_LIMITS.batchEntries, onPublished = quiet } = options
  return openEvidence({
    location: { directory: logDirectory(folder) },
    stateDir: join(folder, 'state'),
    startEmpty: false,
    verifier: createNodeEd25519Verifier({ maxKeys: 4 }),
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock: systemClock,
    timer: publishes ? systemTimer : never,
    limits: { ...EVIDENCE_LOG_LIMITS, batchEntries },
    telemetry: {
      evidenceCommitted: quiet,
      evidencePublished: onPublished,
      evidenceFailed: fail,
      evidenceSpace: quiet,
      evidenceTailQuarantined: quiet,
      fault: fail,
    },
  })
}

/** Where `openBenchLog` has the log itself. */
export function logDirectory(folder: string): string {
  return join(folder, 'log')
}

/** The record of a usual decision, 587 bytes. */
export function recordBytes(n: number): Uint8Array {
  return encodeRecord({
    id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    atMs: 1_750_000_000_000 + n,
    agentDid: 'did:web:registry.example.com:agents:11111111-2222-4333-8444-555555555555',
    badgeJti: '66666666-7777-4888-8999-aaaaaaaaaaaa',
    authLevel: 'badge',
    target: 'read_database',
    policyVersion: 'sha256:0123456789abcdef',
    decision: 'ALLOW',
    paramsHash: 'sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    trustLevel: 2,
    coreVersion: '0.1.0',
    cacheHit: true,
  })
}
