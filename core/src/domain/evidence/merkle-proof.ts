import { bytesEqual } from './bytes-equal.ts'
import { HASH_BYTES, nodeHash } from './merkle.ts'

export interface InclusionClaim {
  /** Index of the leaf, from 0. */
  readonly index: number
  /** Leaves in the tree. */
  readonly size: number
  readonly leafHash: Uint8Array
  readonly root: Uint8Array
  /** The leaf's sibling first. */
  readonly proof: readonly Uint8Array[]
}

/** Whether the leaf is in the tree at that index (evidence-log §6). Input is attacker-controlled. */
export function verifyInclusion({ index, size, leafHash, root, proof }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false
  if (![leafHash, root, ...proof].every(isHash)) return false
  let node = index
  let last = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      ;[node, last] = skipMissingSiblings(node, last)
    } else {
      hash = nodeHash(hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && bytesEqual(hash, root)
}

export interface ConsistencyClaim {
  /** Leaves in the older tree, at least 1: a tree of 0 needs no proof. */
  readonly oldSize: number
  readonly newSize: number
  readonly oldRoot: Uint8Array
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Whether the newer tree extends the older one (evidence-log §7). Input is attacker-controlled. */
export function verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof }: ConsistencyClaim): boolean {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize === 0 || oldSize > newSize) return false
  if (![oldRoot, newRoot, ...proof].every(isHash)) return false
  if (oldSize === newSize) return proof.length === 0 && bytesEqual(oldRoot, newRoot)
  // An older tree that is one perfect subtree is its own first step.
  const [first, ...rest] = proof.length > 0 && isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof
  if (first === undefined) return false
  let node = oldSize - 1
  let last = newSize - 1
  while (node % 2 === 1) {
    node = half(node)
    last = half(last)
  }
  let older = first
  let newer = first
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      older = nodeHash(sibling, older)
      newer = nodeHash(sibling, newer)
      ;[node, last] = skipMissingSiblings(node, last)
    } else {
      newer = nodeHash(newer, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && bytesEqual(older, oldRoot) && bytesEqual(newer, newRoot)
}

/** The last node of a level that has no sibling moves up unhashed until it has one. */
function skipMissingSiblings(node: number, last: number): [number, number] {
  while (node % 2 === 0 && node !== 0) {
    node = half(node)
    last = half(last)
  }
  return [node, last]
}

// Sizes go up to 2^53 - 1, where the shift operators are wrong: they work on 32 bits.
function half(value: number): number {
  return Math.floor(value / 2)
}

function isPowerOfTwo(value: number): boolean {
  while (value % 2 === 0) value = half(value)
  return value === 1
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES
}
