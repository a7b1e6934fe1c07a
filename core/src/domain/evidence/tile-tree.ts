import { foldHashes } from './hash-tile.ts'
import { growEdge, HASH_BYTES, type RightEdge } from './merkle.ts'
import { TILE_HEIGHT } from './tile-hashes.ts'
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
  /** The same tree as whoever only proves its root remembers it. */
  edge(): RightEdge
  /** Adds a leaf hash; returns the tiles that became full by it, lowest level first. */
  append(leafHash: Uint8Array): readonly HashTile[]
  /** The unfinished tiles, lowest level first; none that is empty. */
  partialTiles(): readonly HashTile[]
}

const NONE: readonly HashTile[] = []

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
  // A tile that becomes full and the subtree over it are one step: each node is hashed once.
  const edge = levels.flatMap(subtreesOf).toReversed()
  let full: HashTile[] = []

  function push(level: number, hash: Uint8Array): void {
    levels[level] ??= []
    levels[level].push(hash)
  }

  function complete(height: number, hash: Uint8Array): void {
    if (height % TILE_HEIGHT !== 0) return
    const level = height / TILE_HEIGHT - 1
    full.push({ level, index: Math.floor(leaves / 2 ** height), hashes: levels[level] ?? [] })
    levels[level] = []
    push(level + 1, hash)
  }

  return {
    get size() {
      return leaves
    },

    edge: () => ({ size: leaves, hashes: [...edge] }),

    append(leafHash) {
      push(0, leafHash)
      growEdge(edge, leaves, leafHash, complete)
      leaves++
      if (full.length === 0) return NONE
      const completed = full
      full = []
      return completed
    },

    partialTiles: () =>
      levels.flatMap((hashes, level) =>
        hashes.length === 0
          ? []
          : [{ level, index: Math.floor(leaves / TILE_WIDTH ** (level + 1)), hashes: [...hashes] }],
      ),
  }
}

/** The perfect subtrees over the hashes of an unfinished tile, smallest first. */
function subtreesOf(hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const subtrees: Uint8Array[] = []
  for (let end = hashes.length, width = 1; end > 0; width *= 2) {
    if (end % (2 * width) === 0) continue
    subtrees.push(foldHashes(hashes.slice(end - width, end)))
    end -= width
  }
  return subtrees
}
