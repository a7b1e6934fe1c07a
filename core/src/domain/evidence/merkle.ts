import { sha256 } from '../../lib/sha256.ts'

/** Bytes in every hash of the tree. */
export const HASH_BYTES = 32

/** Root of the tree without leaves. */
export const EMPTY_ROOT = sha256(new Uint8Array(0))

// Different first bytes keep a leaf from ever being read as a node (RFC 6962 §2.1).
const LEAF = 0x00
const NODE = 0x01

// Where inputs are put together, the same memory each time: fresh memory costs as much as the hash.
const COMMON_ENTRY_BYTES = 4096
const leafInput = new Uint8Array(1 + COMMON_ENTRY_BYTES)
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES)

/** Hash of one entry's bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const input = entry.length <= COMMON_ENTRY_BYTES ? leafInput : new Uint8Array(1 + entry.length)
  input[0] = LEAF
  input.set(entry, 1)
  return sha256(input.subarray(0, 1 + entry.length))
}

/**
 * Hash of two subtrees, 32 bytes each.
 *
 * @throws TypeError for anything but 32 bytes
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new TypeError(`A node has two hashes of ${HASH_BYTES} bytes, not ${left.length} and ${right.length}.`)
  }
  nodeInput[0] = NODE
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256(nodeInput)
}

/** A tree as its writer remembers it: one hash for each set bit of the size, largest subtree first. */
export interface RightEdge {
  readonly size: number
  readonly hashes: readonly Uint8Array[]
}

export const EMPTY_EDGE: RightEdge = { size: 0, hashes: [] }

/** The tree with one leaf more. The given edge stays as it is. */
export function appendLeaf(edge: RightEdge, leaf: Uint8Array): RightEdge {
  return appendLeaves(edge, [leaf])
}

/** The tree with these leaf hashes more. The given edge stays as it is. */
export function appendLeaves(edge: RightEdge, leaves: readonly Uint8Array[]): RightEdge {
  const hashes = [...edge.hashes]
  let { size } = edge
  for (const leaf of leaves) growEdge(hashes, size++, leaf)
  return { size, hashes }
}

/**
 * Adds a leaf to the hashes of an edge, in place.
 *
 * @param size leaves that the edge has before
 * @param completed called with each subtree of two leaves and more that is perfect by now, smallest first
 */
export function growEdge(
  hashes: Uint8Array[],
  size: number,
  leaf: Uint8Array,
  completed?: (height: number, hash: Uint8Array) => void,
): void {
  let top = leaf
  let height = 0
  // While the new size is divisible by 2, 4, 8, … the last two subtrees are equal in size.
  for (let rest = size + 1; rest % 2 === 0; rest /= 2) {
    const left = hashes.pop()
    if (left === undefined) throw new TypeError(`A right edge of size ${size} lacks a hash.`)
    top = nodeHash(left, top)
    completed?.(++height, top)
  }
  hashes.push(top)
}

/** Root of the tree: the edge folded from the right. */
export function edgeRoot({ hashes }: RightEdge): Uint8Array {
  return (
    hashes.reduceRight<Uint8Array | undefined>((acc, left) => (acc ? nodeHash(left, acc) : left), undefined) ??
    EMPTY_ROOT
  )
}

/** Root of the tree over these leaf hashes. */
export function rootOf(leafHashes: Iterable<Uint8Array>): Uint8Array {
  return edgeRoot(appendLeaves(EMPTY_EDGE, [...leafHashes]))
}
