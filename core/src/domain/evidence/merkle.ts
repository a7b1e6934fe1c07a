import { sha256 } from '../../lib/sha256.ts'

/** Bytes in every hash of the tree. */
export const HASH_BYTES = 32

/** Root of the tree without leaves. */
export const EMPTY_ROOT = sha256(new Uint8Array(0))

// Different first bytes keep a leaf from ever being read as a node (RFC 6962 §2.1).
const LEAF = 0x00
const NODE = 0x01

/** Hash of one entry's bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + entry.length)
  input[0] = LEAF
  input.set(entry, 1)
  return sha256(input)
}

/** Hash of two subtrees, 32 bytes each. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES)
  input[0] = NODE
  input.set(left, 1)
  input.set(right, 1 + HASH_BYTES)
  return sha256(input)
}

/** A tree as its writer remembers it: one hash for each set bit of the size, largest subtree first. */
export interface RightEdge {
  readonly size: number
  readonly hashes: readonly Uint8Array[]
}

export const EMPTY_EDGE: RightEdge = { size: 0, hashes: [] }

/** The tree with one leaf more. The given edge stays as it is. */
export function appendLeaf(edge: RightEdge, leaf: Uint8Array): RightEdge {
  const size = edge.size + 1
  const hashes = [...edge.hashes]
  let top = leaf
  // While the new size is divisible by 2, 4, 8, … the last two subtrees are equal in size.
  for (let rest = size; rest % 2 === 0; rest /= 2) {
    const left = hashes.pop()
    if (left === undefined) throw new TypeError(`A right edge of size ${edge.size} lacks a hash.`)
    top = nodeHash(left, top)
  }
  hashes.push(top)
  return { size, hashes }
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
  let edge = EMPTY_EDGE
  for (const leaf of leafHashes) edge = appendLeaf(edge, leaf)
  return edgeRoot(edge)
}
