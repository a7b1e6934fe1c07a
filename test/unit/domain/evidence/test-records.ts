import type { EvidenceLog } from '../../../../core/src/domain/evidence/evidence-log.ts'
import type { LogReader } from '../../../../core/src/domain/evidence/log-reader.ts'
import { encodeOutcomeRecord } from '../../../../core/src/domain/evidence/outcome-record.ts'
import { type EvidenceRecord, encodeRecord } from '../../../../core/src/domain/evidence/record.ts'
import { createMemoryEvidence } from '../../../fakes/memory-evidence-reader.ts'

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
export function createCommittedLog(stored: readonly Uint8Array[] = []) {
  type Listener = Parameters<EvidenceLog['onCommit']>[0]
  const listeners = new Set<Listener>()
  const reads: [from: number, to: number][] = []
  const leaves: Uint8Array[] = []
  const { reader: inner, append } = createMemoryEvidence(ORIGIN)
  let firstKept = 0
  const commit = (...added: readonly Uint8Array[]): void => {
    const firstIndex = leaves.length
    leaves.push(...added)
    for (const leaf of added) append(leaf)
    const checkpoint = inner.checkpoint() ?? new Uint8Array(0)
    for (const listener of listeners) listener({ firstIndex, leaves: added, checkpoint })
  }
  commit(...stored)
  const reader: LogReader = {
    origin: inner.origin,
    vkey: inner.vkey,
    get size() {
      return inner.size
    },
    checkpoint: inner.checkpoint,
    firstKept: async () => firstKept,
    async *entries(from, to) {
      reads.push([from, to])
      if (from < firstKept) throw new Error(`entry ${from} was removed`)
      yield* inner.entries(from, to)
    },
    inclusionProof: inner.inclusionProof,
    consistencyProof: inner.consistencyProof,
  }
  return {
    leaves,
    /** Ranges that were read back. */
    reads,
    listeners,
    commit,
    /** Removes the bytes of entries below an index, as retention does. */
    removeBelow(index: number) {
      firstKept = index
    },
    reader,
    log: {
      origin: ORIGIN,
      get size() {
        return inner.size
      },
      onCommit(listener: Listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      async append(leaf: Uint8Array) {
        commit(leaf)
        return { index: inner.size - 1 }
      },
    },
  }
}
