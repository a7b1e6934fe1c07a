import type { EvidenceUnavailable } from './evidence-errors.ts'
import { createBatchFrames, entryFrameBytes, type SealedBatch } from './frame.ts'
import { leafHash } from './merkle.ts'

export interface BatchLimits {
  /** Entries in one batch. */
  readonly batchEntries: number
  /** Bytes of entry frames in one batch; the first entry may always go. */
  readonly batchBytes: number
}

/**
 * Entries that will be written and synced together, and those who wait for it.
 *
 * An entry is copied, checked and hashed when it is added, which is while the batch before
 * is being synced: when that is done, what is left is the tree, one signature and one write.
 */
export interface Batch {
  readonly firstIndex: number
  /** Hashes of the entries, in order. */
  readonly leafHashes: readonly Uint8Array[]
  /** Whether the entry may still be added to the ones that are there. */
  hasRoomFor(entry: Uint8Array): boolean
  /** Copies an entry. The promise is settled by `resolve` or `reject`, for all entries in one pass. */
  add(entry: Uint8Array): Promise<{ readonly index: number }>
  /** The bytes to write, ended by a signed checkpoint of the tree with these entries. */
  seal(checkpoint: Uint8Array): SealedBatch
  /** The batch is durable. */
  resolve(): void
  reject(error: EvidenceUnavailable): void
}

export function createBatch(firstIndex: number, { batchEntries, batchBytes }: BatchLimits): Batch {
  const frames = createBatchFrames(firstIndex)
  const leafHashes: Uint8Array[] = []
  const { promise: stored, resolve, reject } = Promise.withResolvers<void>()
  return {
    firstIndex,
    leafHashes,
    hasRoomFor(entry) {
      return leafHashes.length < batchEntries && frames.entryBytes + entryFrameBytes(entry) <= batchBytes
    },
    add(entry) {
      const index = firstIndex + leafHashes.length
      frames.add(entry)
      leafHashes.push(leafHash(entry))
      return stored.then(() => ({ index }))
    },
    seal: frames.seal,
    resolve,
    reject,
  }
}
