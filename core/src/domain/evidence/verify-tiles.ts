import type { LogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import type { Checkpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import type { Findings } from './findings.ts'
import { foldHashes } from './hash-tile.ts'
import { EMPTY_EDGE, edgeRoot, leafHash, type RightEdge } from './merkle.ts'
import { edgeOf } from './merkle-prover.ts'
import { parseEntry, prunedMinimum } from './pruned-record.ts'
import { CHECKPOINT_FILE, firstEntryOf, readBundle, readHashTile } from './published-tree.ts'
import { subtreesFromTiles } from './tile-hashes.ts'
import { lastTile, TILE_WIDTH, type TileFile, tilePath } from './tile-path.ts'
import { createTileTree, type HashTile } from './tile-tree.ts'

export interface VerifyTilesOptions {
  readonly files: LogFiles
  /** Signed by the log. */
  readonly checkpoint: Checkpoint
  readonly findings: Findings
  /** Size of an older tree whose right edge the caller needs, at most that of the checkpoint. */
  readonly edgeSize: number
  readonly onProgress?: (progress: { readonly verified: number; readonly size: number }) => void
}

const UNKNOWN = new Uint8Array(32)

export interface VerifiedTiles {
  /** Index of the first entry whose bytes are there. */
  readonly firstKept: number
  /** The recomputed tree of `edgeSize` entries; absent where it could not be. */
  readonly edgeAt: RightEdge | undefined
}

/**
 * Recomputes the published tree from its entries and compares every file that its size
 * implies. Entries that retention removed count by the hashes in their tiles.
 */
export async function verifyTiles(options: VerifyTilesOptions): Promise<VerifiedTiles> {
  const { files, checkpoint, findings, edgeSize, onProgress } = options
  const { size, root } = checkpoint
  const tree = createTileTree()
  // Of an entry neither whose bytes nor whose hash can be read, nothing above it can be recomputed.
  let isComplete = true
  let prunedBelow = 0
  const missingBundles: TileFile[] = []
  let firstKept = size
  let edgeAt = edgeSize === 0 ? EMPTY_EDGE : undefined

  async function compareTile({ level, index, hashes }: HashTile): Promise<void> {
    if (!isComplete || level === 0) return
    const file = { kind: 'hashes', level, index, width: hashes.length } as const
    const stored = await findings.from(tilePath(file), () => readHashTile(files, file))
    const wrong = stored === undefined ? -1 : hashes.findIndex((hash, i) => !bytesEqual(hash, stored[i] ?? UNKNOWN))
    if (wrong < 0) return
    const first = firstEntryOf(file) + wrong * TILE_WIDTH ** level
    findings.add({
      code: 'FILE_DAMAGED',
      file: tilePath(file),
      index: first,
      expected: 'the hashes of the tiles below',
    })
  }

  function readRecord(entry: Uint8Array, file: string, index: number): void {
    const record = parseEntry(entry)
    if (record === undefined) findings.add({ code: 'ENTRY_NOT_A_RECORD', file, index, expected: 'a JSON object' })
    else prunedBelow = Math.max(prunedBelow, prunedMinimum(record) ?? 0)
  }

  /** A full bundle that is not there may have been removed by retention; a record that is still to come tells. */
  async function readEntriesOf(file: TileFile & { kind: 'entries' }): Promise<readonly Uint8Array[] | undefined> {
    try {
      return await readBundle(files, file)
    } catch (refused) {
      if (!(refused instanceof EvidenceRefused)) throw refused
      if (refused.code === 'FILE_MISSING' && file.width === TILE_WIDTH) missingBundles.push(file)
      else findings.refused(tilePath(file), refused)
      return undefined
    }
  }

  for (let bundle = 0; bundle * TILE_WIDTH < size; bundle++) {
    const first = bundle * TILE_WIDTH
    const width = Math.min(TILE_WIDTH, size - first)
    const entriesFile = { kind: 'entries', index: bundle, width } as const
    const tileFile = { kind: 'hashes', level: 0, index: bundle, width } as const
    const stored = await findings.from(tilePath(tileFile), () => readHashTile(files, tileFile))
    const entries = await readEntriesOf(entriesFile)
    if (entries !== undefined) firstKept = Math.min(firstKept, first)
    const hashed = entries?.map(leafHash)
    const wrong = hashed && stored ? hashed.findIndex((hash, i) => !bytesEqual(hash, stored[i] ?? UNKNOWN)) : -1
    let leaves = hashed ?? stored
    let entriesAreRight = wrong < 0
    if (wrong >= 0 && hashed !== undefined && stored !== undefined) {
      entriesAreRight = await isInTree(hashed, bundle)
      const tileIsRight = !entriesAreRight && (await isInTree(stored, bundle))
      leaves = entriesAreRight ? hashed : stored
      const index = first + wrong
      if (!entriesAreRight)
        findings.add({
          code: 'FILE_DAMAGED',
          file: tilePath(entriesFile),
          index,
          expected: 'the entry whose hash is in the tree',
        })
      if (!tileIsRight)
        findings.add({ code: 'FILE_DAMAGED', file: tilePath(tileFile), index, expected: 'the hash of its entry' })
    }
    if (entriesAreRight) {
      entries?.forEach((entry, i) => {
        readRecord(entry, tilePath(entriesFile), first + i)
      })
    }
    if (hashed === undefined && stored !== undefined && !(await isInTree(stored, bundle))) {
      const place = { file: tilePath(tileFile), index: first }
      findings.add({ code: 'FILE_DAMAGED', ...place, expected: 'the hashes whose root is in the tree' })
      leaves = undefined
    }
    if (leaves === undefined) isComplete = false
    for (let i = 0; i < width; i++) {
      const leaf = leaves?.[i] ?? UNKNOWN
      const full = tree.append(leaf)
      if (tree.size === edgeSize && isComplete) edgeAt = tree.edge()
      for (const tile of full) await compareTile(tile)
    }
    onProgress?.({ verified: first + width, size })
  }
  for (const tile of tree.partialTiles()) await compareTile(tile)

  for (const file of missingBundles) {
    if ((file.index + 1) * TILE_WIDTH <= prunedBelow) continue
    const expected = 'the bundle: no record says that retention removed it'
    findings.add({ code: 'FILE_MISSING', file: tilePath(file), index: firstEntryOf(file), expected })
  }
  if (isComplete && !bytesEqual(edgeRoot(tree.edge()), root)) {
    findings.add({
      code: 'FILE_DAMAGED',
      file: CHECKPOINT_FILE,
      index: size,
      expected: 'the root of the stored entries',
    })
  }
  return { firstKept, edgeAt }

  /** Whether the hash over these leaves is where the tree has it: tells which of two files is the damaged one. */
  async function isInTree(leaves: readonly Uint8Array[], index: number): Promise<boolean> {
    const last = lastTile(size)
    try {
      if (leaves.length === TILE_WIDTH) {
        const hashes = Math.floor(size / TILE_WIDTH)
        const above = lastTile(hashes)
        const parent = Math.floor(index / TILE_WIDTH)
        const width = parent === above.index ? above.width : TILE_WIDTH
        const stored = await readHashTile(files, { kind: 'hashes', level: 1, index: parent, width })
        return bytesEqual(stored[index % TILE_WIDTH] ?? UNKNOWN, foldHashes(leaves))
      }
      const subtree = subtreesFromTiles(async (level, at) => {
        if (level === 0 && at === last.index) return leaves
        const end = lastTile(Math.floor(size / TILE_WIDTH ** level))
        return readHashTile(files, {
          kind: 'hashes',
          level,
          index: at,
          width: at === end.index ? end.width : TILE_WIDTH,
        })
      })
      return bytesEqual(edgeRoot(await edgeOf(size, subtree)), root)
    } catch {
      // What would tell is damaged too, and reported.
      return false
    }
  }
}
