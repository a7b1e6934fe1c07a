import { listJournalSegments } from './adapters/evidence/journal-segments.ts'
import type { EvidenceLog } from './domain/evidence/evidence-log.ts'
import { leafHash, rootOf } from './domain/evidence/merkle.ts'
import { proveConsistency, proveInclusion } from './domain/evidence/merkle-prover.ts'
import { readEntries } from './domain/evidence/read-entries.ts'
import type { EvidenceReader } from './ports/evidence-reader.ts'

export function createInterimReader(
  directory: string,
  log: Pick<EvidenceLog, 'origin' | 'vkey' | 'size' | 'checkpoint'>,
): EvidenceReader {
  async function* entries(from: number, to: number) {
    yield* readEntries(await listJournalSegments(directory), { from, to })
  }
  async function subtrees(size: number) {
    const hashes: Uint8Array[] = []
    for await (const { leaf } of entries(0, size)) hashes.push(leafHash(leaf))
    return async (height: number, position: number) =>
      rootOf(hashes.slice(position * 2 ** height, (position + 1) * 2 ** height))
  }
  return {
    origin: log.origin,
    vkey: log.vkey,
    get size() {
      return log.size
    },
    checkpoint: () => log.checkpoint,
    entries,
    inclusionProof: async (index, size) => proveInclusion(index, size, await subtrees(size)),
    consistencyProof: async (from, to) => proveConsistency(from, to, await subtrees(to)),
  }
}
