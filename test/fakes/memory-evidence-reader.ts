import { createCheckpointSigner } from '../../core/src/domain/evidence/checkpoint-signer.ts'
import { appendLeaf, EMPTY_EDGE, leafHash, rootOf } from '../../core/src/domain/evidence/merkle.ts'
import { proveConsistency, proveInclusion, type SubtreeHash } from '../../core/src/domain/evidence/merkle-prover.ts'
import { createVerifierKey, formatVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import type { EvidenceReader } from '../../core/src/ports/evidence-reader.ts'
import { createLogSigner } from './log-signer.ts'

/** A log that is an array, read like a stored one. */
export interface MemoryEvidence {
  readonly reader: EvidenceReader
  append(leaf: Uint8Array): { readonly index: number }
}

export function createMemoryEvidence(
  origin = 'evidence.capiscio.local/00000000000000aa',
  seedHex = '11'.repeat(32),
): MemoryEvidence {
  const signer = createLogSigner(seedHex)
  const key = createVerifierKey(origin, signer.publicKey)
  const checkpoints = createCheckpointSigner([{ key, signer }], 0)
  const leaves: Uint8Array[] = []
  let edge = EMPTY_EDGE
  let checkpoint: Uint8Array | undefined
  const subtree: SubtreeHash = async (height, position) => {
    const width = 2 ** height
    return rootOf(leaves.slice(position * width, (position + 1) * width).map(leafHash))
  }
  const atMost = (size: number): void => {
    if (size > leaves.length) throw new RangeError(`The log has ${leaves.length} entries, not ${size}.`)
  }
  return {
    append(leaf) {
      leaves.push(leaf.slice())
      edge = appendLeaf(edge, leafHash(leaf))
      checkpoint = checkpoints.sign(edge)
      return { index: leaves.length - 1 }
    },
    reader: {
      origin,
      vkey: formatVerifierKey(key),
      get size() {
        return leaves.length
      },
      checkpoint: () => checkpoint,
      async *entries(from, to) {
        if (!(Number.isSafeInteger(from) && from >= 0 && from <= to))
          throw new RangeError(`No entries ${from} to ${to}.`)
        atMost(to)
        for (const [i, leaf] of leaves.slice(from, to).entries()) yield { index: from + i, leaf: leaf.slice() }
      },
      async inclusionProof(index, size) {
        atMost(size)
        return proveInclusion(index, size, subtree)
      },
      async consistencyProof(from, to) {
        atMost(to)
        return proveConsistency(from, to, subtree)
      },
    },
  }
}
