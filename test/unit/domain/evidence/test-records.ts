import { encodeOutcomeRecord } from '../../../../core/src/domain/evidence/outcome-record.ts'
import { type EvidenceRecord, encodeRecord } from '../../../../core/src/domain/evidence/record.ts'
import { createMemoryEvidenceReader } from '../../../fakes/memory-evidence-reader.ts'

export const ORIGIN = 'log.example/1'
export const START_MS = Date.UTC(2026, 4, 6, 10)

/** The evidence id of the n-th record. */
export const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

export const decision = (n: number, changes: Partial<EvidenceRecord> = {}): Uint8Array =>
  encodeRecord({
    id: idOf(n),
    atMs: START_MS + n * 1000,
    agentDid: 'did:web:registry.example:agents:worker-1',
    authLevel: 'badge',
    target: 'read_file',
    policyVersion: 'v1',
    decision: 'ALLOW',
    trustLevel: 2,
    coreVersion: '1.2.3',
    ...changes,
  })

export const outcome = (n: number, ofDecision: number): Uint8Array =>
  encodeOutcomeRecord({
    id: idOf(n),
    atMs: START_MS + n * 1000,
    decisionId: idOf(ofDecision),
    agentDid: '',
    target: 'read_file',
    result: 'ok',
    durationMs: 1,
    coreVersion: '1.2.3',
  })

/** A log in memory that commits at once, one batch for each call of `commit`. */
export function createCommittedLog(leaves: Uint8Array[] = []) {
  type Listener = Parameters<import('../../../../core/src/domain/evidence/evidence-log.ts').EvidenceLog['onCommit']>[0]
  const listeners = new Set<Listener>()
  const reads: [from: number, to: number][] = []
  const checkpoint = (size: number): Uint8Array => new TextEncoder().encode(`checkpoint of ${size}`)
  const inner = createMemoryEvidenceReader({ origin: ORIGIN, vkey: 'vkey', leaves, checkpoint })
  const commit = (...added: readonly Uint8Array[]): void => {
    const firstIndex = leaves.length
    leaves.push(...added)
    for (const listener of listeners) listener({ firstIndex, leaves: added, checkpoint: checkpoint(leaves.length) })
  }
  return {
    leaves,
    /** Ranges that were read back. */
    reads,
    listeners,
    commit,
    log: {
      origin: ORIGIN,
      get size() {
        return leaves.length
      },
      onCommit(listener: Listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      async append(leaf: Uint8Array) {
        commit(leaf)
        return { index: leaves.length - 1 }
      },
    },
    reader: Object.defineProperty(
      {
        ...inner,
        entries(from: number, to: number) {
          reads.push([from, to])
          return inner.entries(from, to)
        },
      },
      'size',
      { get: () => leaves.length },
    ),
  }
}
