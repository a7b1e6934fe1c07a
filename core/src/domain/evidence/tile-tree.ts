import { foldHashes } from './hash-tile.ts'
import { HASH_BYTES } from './merkle.ts'
import { lastTile, TILE_WIDTH } from './tile-path.ts'

/** A hash tile that a tree has. */
export interface HashTile {
  readonly level: number
  readonly index: number
  readonly hashes: readonly Uint8Array[]
}

/** A growing tree seen as hash tiles. Remembers the unfinished tile of each level and nothing else. */
export interface TileTree {
  readonly size: number
  /** Adds a leaf hash; returns the tiles that became full by it, lowest level first. */
  append(leafHash: Uint8Array): readonly HashTile[]
  /** The unfinished tiles, lowest level first; none that is empty. */
  partialTiles(): readonly HashTile[]
}

/**
 * @param size leaves that the tree has already
 * @param unfinished the partial tiles of that size, as `partialTiles` gives them
 * @throws TypeError when those are not the partial tiles of a tree of that size
 */
export function createTileTree(size = 0, unfinished: readonly HashTile[] = []): TileTree {
  const levels: Uint8Array[][] = []
  for (const { level, index, hashes } of unfinished) {
    const expected = lastTile(Math.floor(size / TILE_WIDTH ** level))
    const fits = expected.index === index && expected.width === hashes.length && expected.width < TILE_WIDTH
    if (!fits || hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw new TypeError(`A tree of ${size} has no such partial tile at level ${level}.`)
    }
    levels[level] = [...hashes]
  }
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    levels[level] ??= []
    if (levels[level]?.length !== count % TILE_WIDTH) {
      throw new TypeError(`A tree of ${size} has a partial tile at level ${level}.`)
    }
  }
  let leaves = size

  return {
    get size() {
      return leaves
    },

    append(leafHash) {
      const full: HashTile[] = []
      let hash = leafHash
      for (let level = 0; ; level++) {
        const hashes = levels[level] ?? []
        hashes.push(hash)
        levels[level] = hashes
        if (hashes.length < TILE_WIDTH) break
        const index = Math.floor(leaves / TILE_WIDTH ** (level + 1))
        full.push({ level, index, hashes })
        levels[level] = []
        hash = foldHashes(hashes)
      }
      leaves++
      return full
    },

    partialTiles: () =>
      levels.flatMap((hashes, level) =>
        hashes.length === 0
          ? []
          : [{ level, index: Math.floor(leaves / TILE_WIDTH ** (level + 1)), hashes: [...hashes] }],
      ),
  }
}
