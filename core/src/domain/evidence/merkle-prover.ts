import { EMPTY_ROOT, nodeHash, type RightEdge } from './merkle.ts'

/**
 * Hashes of perfect subtrees of one tree.
 *
 * @param height 0 for a leaf hash, h for the root over 2^h leaves
 * @param position from the left among the subtrees of that height
 */
export type SubtreeHash = (height: number, position: number) => Promise<Uint8Array>

/**
 * The audit path of a leaf in the tree of `size` leaves, the leaf's sibling first (evidence-log §6).
 *
 * @throws RangeError unless `0 <= index < size`
 */
export async function proveInclusion(
  index: number,
  size: number,
  subtree: SubtreeHash,
): Promise<readonly Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) {
    throw new RangeError(`A tree of ${size} has no leaf ${index}.`)
  }
  return path(index, 0, size, subtree)
}

/**
 * The proof that the tree of `from` leaves is a prefix of the tree of `to` (evidence-log §7).
 * Empty when both are the same, and for an empty older tree, which every tree extends.
 *
 * @throws RangeError unless `0 <= from <= to`
 */
export async function proveConsistency(from: number, to: number, subtree: SubtreeHash): Promise<readonly Uint8Array[]> {
  if (!isCount(from) || !isCount(to) || from > to) {
    throw new RangeError(`A tree of ${to} does not extend one of ${from}.`)
  }
  return from === 0 ? [] : prefix(from, 0, to, true, subtree)
}

/** The right edge of the tree of `size` leaves: with it a writer goes on. */
export async function edgeOf(size: number, subtree: SubtreeHash): Promise<RightEdge> {
  const hashes: Uint8Array[] = []
  for (let start = 0; start < size; ) {
    const height = log2(largestPowerUpTo(size - start))
    hashes.push(await subtree(height, start / 2 ** height))
    start += 2 ** height
  }
  return { size, hashes }
}

/** PATH of evidence-log §6 over the leaves `[start, end)`; `index` counts from `start`. */
async function path(index: number, start: number, end: number, subtree: SubtreeHash): Promise<Uint8Array[]> {
  if (end - start === 1) return []
  const split = splitOf(end - start)
  return index < split
    ? [...(await path(index, start, start + split, subtree)), await rangeRoot(start + split, end, subtree)]
    : [...(await path(index - split, start + split, end, subtree)), await rangeRoot(start, start + split, subtree)]
}

/** SUB of evidence-log §7 over the leaves `[start, end)`; `size` counts from `start`. */
async function prefix(
  size: number,
  start: number,
  end: number,
  isWholeOldTree: boolean,
  subtree: SubtreeHash,
): Promise<Uint8Array[]> {
  if (size === end - start) return isWholeOldTree ? [] : [await rangeRoot(start, end, subtree)]
  const split = splitOf(end - start)
  return size <= split
    ? [
        ...(await prefix(size, start, start + split, isWholeOldTree, subtree)),
        await rangeRoot(start + split, end, subtree),
      ]
    : [
        ...(await prefix(size - split, start + split, end, false, subtree)),
        await rangeRoot(start, start + split, subtree),
      ]
}

/** MTH of evidence-log §2 over the leaves `[start, end)`. The recursion leads to aligned perfect subtrees only. */
async function rangeRoot(start: number, end: number, subtree: SubtreeHash): Promise<Uint8Array> {
  const width = end - start
  if (width === 0) return EMPTY_ROOT
  if (largestPowerUpTo(width) === width) return subtree(log2(width), start / width)
  const split = splitOf(width)
  return nodeHash(await rangeRoot(start, start + split, subtree), await rangeRoot(start + split, end, subtree))
}

/** The largest power of two smaller than `width`, which is at least 2. */
function splitOf(width: number): number {
  return largestPowerUpTo(width - 1)
}

// Sizes go up to 2^53 - 1, where the shift operators are wrong, and logarithms round.
function largestPowerUpTo(value: number): number {
  let power = 1
  while (power * 2 <= value) power *= 2
  return power
}

function log2(power: number): number {
  let exponent = 0
  while (2 ** exponent < power) exponent++
  return exponent
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
