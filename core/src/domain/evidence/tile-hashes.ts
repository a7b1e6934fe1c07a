import { foldHashes } from './hash-tile.ts'
import type { SubtreeHash } from './merkle-prover.ts'
import { TILE_WIDTH } from './tile-path.ts'

/** Tree levels between two tile levels: a tile of 256 hashes is eight levels high. */
export const TILE_HEIGHT = 8

/**
 * The first hashes of a tile.
 *
 * @param width how many at least; more are ignored
 */
export type TileHashes = (level: number, index: number, width: number) => Promise<readonly Uint8Array[]>

/** Hashes of perfect subtrees, folded from hash tiles: the levels between tiles are not stored (evidence-log §3.1). */
export function subtreesFromTiles(tile: TileHashes): SubtreeHash {
  return async (height, position) => {
    const level = Math.floor(height / TILE_HEIGHT)
    const count = 2 ** (height % TILE_HEIGHT)
    const first = position * count
    const index = Math.floor(first / TILE_WIDTH)
    const start = first - index * TILE_WIDTH
    const hashes = await tile(level, index, start + count)
    return foldHashes(hashes.slice(start, start + count))
  }
}
