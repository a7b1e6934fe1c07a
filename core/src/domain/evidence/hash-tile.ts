import { HASH_BYTES, nodeHash } from './merkle.ts'
import { TILE_WIDTH } from './tile-path.ts'

/** The bytes of a hash tile (evidence-log §3.1): its hashes one after the other. */
export function encodeHashTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 1 || hashes.length > TILE_WIDTH) throw new RangeError(`No tile has ${hashes.length} hashes.`)
  const tile = new Uint8Array(hashes.length * HASH_BYTES)
  hashes.forEach((hash, i) => {
    tile.set(hash, i * HASH_BYTES)
  })
  return tile
}

/** The hashes of a tile, or `undefined` when the bytes are not `width` hashes. They share memory with the bytes. */
export function decodeHashTile(tile: Uint8Array, width: number): readonly Uint8Array[] | undefined {
  if (tile.length !== width * HASH_BYTES) return undefined
  return Array.from({ length: width }, (_, i) => tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/**
 * The root of the perfect subtree over these hashes. For the 256 of a full tile it is one
 * hash of the tile above.
 *
 * @throws RangeError unless their number is a power of two
 */
export function foldHashes(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1) level = pairUp(level)
  const [root] = level
  if (root === undefined) throw new RangeError('A perfect subtree has at least one hash.')
  return root
}

function pairUp(hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const parents: Uint8Array[] = []
  for (let i = 0; i < hashes.length; i += 2) {
    const [left, right] = [hashes[i], hashes[i + 1]]
    if (left === undefined || right === undefined)
      throw new RangeError(`${hashes.length} hashes are no perfect subtree.`)
    parents.push(nodeHash(left, right))
  }
  return parents
}
