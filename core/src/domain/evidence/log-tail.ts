import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { JournalSegment } from '../../ports/journal.ts'
import type { LogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import { openCheckpoint } from './checkpoint.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { createJournalCursor, type JournalCursor } from './journal-cursor.ts'
import { edgeRoot, leafHash } from './merkle.ts'
import { CHECKPOINT_FILE, openCheckpointFile, readPublishedTree } from './published-tree.ts'
import { TILE_WIDTH } from './tile-path.ts'
import { createTileTree, type TileTree } from './tile-tree.ts'
import type { CommittedHead } from './tree-writer.ts'
import type { VerifierKey } from './verifier-key.ts'

/** Newest entries whose bytes are kept, and how many bytes of them. */
const KEPT_ENTRIES = 4096
const KEPT_BYTES = 8 * 1024 * 1024

/** Entries that may be new before it is looked what was published. */
const UNPUBLISHED_ENTRIES = 1024

export interface LogTailOptions {
  readonly origin: string
  readonly keys: readonly VerifierKey[]
  readonly verifier: Ed25519Verifier
  readonly files: LogFiles
  readonly segments: () => Promise<readonly JournalSegment[]>
}

/**
 * The end of a log as a reader follows it: the tree at its newest head, with what is not in
 * tiles yet. Proven: the tree's root is the one that the head signs.
 */
export interface LogTail {
  /** Entries below this index are in bundles, and full tiles below it in files. */
  readonly publishedSize: number
  /** Moves to a head, unless it is there or beyond. Calls may overlap. */
  advance(head: CommittedHead): Promise<void>
  /** Looks what was published since. Returns whether that is more than before. */
  refresh(): Promise<boolean>
  /**
   * The hashes of a tile at the end of the tree, all that it has; `undefined` for one that is in
   * a file. Waits for moves under way: half a move is not proven.
   */
  hashes(level: number, index: number): Promise<readonly Uint8Array[] | undefined>
  /** A recent entry, if it is kept. */
  entry(index: number): Uint8Array | undefined
}

interface Position {
  readonly cursor: JournalCursor
  readonly tree: TileTree
}

export function createLogTail(options: LogTailOptions): LogTail {
  const { origin, keys, verifier, files, segments } = options
  let position: Position | undefined
  let publishedSize = 0
  let moving: Promise<void> = Promise.resolve()
  // Tiles that became full after what was published when they did, by level and index.
  const fullTiles = new Map<string, readonly Uint8Array[]>()
  const kept = new Map<number, Uint8Array>()
  let keptBytes = 0

  /** Goes to the published head, and forgets the way. */
  async function jump(): Promise<Position> {
    const published = await readPublishedTree(options)
    const size = published?.checkpoint.size ?? 0
    publishedSize = size
    fullTiles.clear()
    forgetEntries(Number.POSITIVE_INFINITY)
    return {
      cursor: createJournalCursor(segments, size),
      tree: createTileTree(size, published?.partialTiles),
    }
  }

  function keep(index: number, leaf: Uint8Array): void {
    kept.set(index, leaf)
    keptBytes += leaf.length
    while (kept.size > KEPT_ENTRIES || keptBytes > KEPT_BYTES) {
      const oldest = kept.keys().next()
      if (oldest.done) return
      forgetEntries(oldest.value + 1)
    }
  }

  function forgetEntries(below: number): void {
    for (const [index, leaf] of kept) {
      if (index >= below) return
      kept.delete(index)
      keptBytes -= leaf.length
    }
  }

  async function follow(to: Position, head: CommittedHead): Promise<void> {
    for await (const leaves of to.cursor.read(head.size)) {
      for (const leaf of leaves) {
        // A copy: a few bytes must not keep all that was read with them.
        keep(to.tree.size, new Uint8Array(leaf))
        for (const tile of to.tree.append(leafHash(leaf))) fullTiles.set(`${tile.level}/${tile.index}`, tile.hashes)
      }
    }
  }

  async function move(head: CommittedHead): Promise<void> {
    if (position !== undefined && position.tree.size >= head.size) return
    const from = position
    // Half a step must not be built on.
    position = undefined
    const reached = from ?? (await jump())
    try {
      await follow(reached, head)
    } catch (error) {
      // What came next may have been published and its journal file removed since.
      const again = await jump()
      if (again.tree.size <= reached.tree.size) throw error
      await follow(again, head)
      refuseOtherRoot(again, head)
      position = again
      return
    }
    refuseOtherRoot(reached, head)
    position = reached
    if (reached.tree.size - publishedSize > UNPUBLISHED_ENTRIES) await refresh()
  }

  async function refresh(): Promise<boolean> {
    const note = await files.read(CHECKPOINT_FILE)
    if (note === undefined) return false
    const published = openCheckpointFile(note, origin, keys, verifier).size
    const reached = position?.tree.size ?? 0
    // The files of an unfinished bundle are those of the checkpoint: short of it, only full ones are there.
    const size = published <= reached ? published : reached - (reached % TILE_WIDTH)
    if (size <= publishedSize) return false
    publishedSize = size
    for (const name of fullTiles.keys()) {
      const [level = 0, index = 0] = name.split('/').map(Number)
      if ((index + 1) * TILE_WIDTH ** (level + 1) <= size) fullTiles.delete(name)
    }
    return true
  }

  function refuseOtherRoot({ tree }: Position, head: CommittedHead): void {
    // After a jump the published tree may be ahead; it was proven under its own checkpoint.
    if (tree.size > head.size) return
    const checkpoint = openCheckpoint(head.checkpoint, origin, keys, verifier)
    if (checkpoint.size === tree.size && bytesEqual(checkpoint.root, edgeRoot(tree.edge()))) return
    const message = `The stored entries are not those of the checkpoint of ${head.size}. Verify the log.`
    throw new EvidenceRefused('FILE_DAMAGED', message, { index: head.size - 1, expected: 'the root that is signed' })
  }

  return {
    get publishedSize() {
      return publishedSize
    },
    advance(head) {
      const next = moving.then(() => move(head))
      moving = next.catch(() => undefined)
      return next
    },
    refresh,
    async hashes(level, index) {
      await moving
      const size = position?.tree.size ?? 0
      const isLast = index === Math.floor(size / TILE_WIDTH ** (level + 1))
      if (isLast) return position?.tree.partialTiles().find((tile) => tile.level === level)?.hashes
      return fullTiles.get(`${level}/${index}`)
    },
    entry: (index) => kept.get(index),
  }
}
