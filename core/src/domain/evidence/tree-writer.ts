import type { JournalSegment } from '../../ports/journal.ts'
import type { PublicLogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import { type Checkpoint, isNoteOf } from './checkpoint.ts'
import { encodeBundle } from './entry-bundle.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { encodeHashTile } from './hash-tile.ts'
import { createJournalCursor } from './journal-cursor.ts'
import { edgeRoot, leafHash } from './merkle.ts'
import { firstEntryOf, type PublishedTree } from './published-tree.ts'
import { TILE_WIDTH, type TileFile, tilePath } from './tile-path.ts'
import { createTileTree, type HashTile } from './tile-tree.ts'

/** A signed checkpoint that is durable in the journal. */
export interface CommittedHead {
  readonly size: number
  readonly checkpoint: Uint8Array
}

export interface TreeWriterOptions {
  readonly origin: string
  readonly files: Pick<PublicLogFiles, 'read' | 'write'>
  readonly segments: () => Promise<readonly JournalSegment[]>
  /** Where to go on; absent for an empty tree. */
  readonly published: PublishedTree | undefined
}

/** Writes the tiles and bundles of a growing tree. Memory: one unfinished tile for each level and one bundle. */
export interface TreeWriter {
  /**
   * Reads the journal on to this head, proves that the entries are those which the head
   * signs, and writes every file that its size implies and that is not written yet. What was
   * written is not durable yet.
   *
   * @throws {EvidenceRefused} FILE_DAMAGED when a full file exists with other content;
   *   JOURNAL_COMMIT_INVALID when the entries are not those of the head. Both are final.
   */
  writeUpTo(head: CommittedHead): Promise<void>
  /** The partial files of what was written last. */
  partialPaths(): readonly string[]
}

export function createTreeWriter({ origin, files, segments, published }: TreeWriterOptions): TreeWriter {
  const cursor = createJournalCursor(segments, published?.checkpoint.size ?? 0)
  const tree = createTileTree(published?.checkpoint.size, published?.partialTiles)
  let bundle: Uint8Array[] = [...(published?.partialBundle ?? [])]
  let partialPaths = partialFiles().map(([file]) => tilePath(file))

  /** The unfinished files as they are now. */
  function partialFiles(): (readonly [TileFile, () => Uint8Array])[] {
    const index = Math.floor(tree.size / TILE_WIDTH)
    const entries = { kind: 'entries', index, width: bundle.length } as const
    return [
      ...(bundle.length > 0 ? [[entries, () => encodeBundle(bundle)] as const] : []),
      ...tree.partialTiles().map(({ level, index, hashes }) => {
        return [{ kind: 'hashes', level, index, width: hashes.length }, () => encodeHashTile(hashes)] as const
      }),
    ]
  }

  /** Full files never change (evidence-log §3.3): one that is there is this one, or the log is damaged. */
  async function writeFull(file: TileFile, bytes: Uint8Array): Promise<void> {
    const path = tilePath(file)
    const existing = await files.read(path)
    if (existing === undefined) return files.write(path, bytes)
    if (bytesEqual(existing, bytes)) return
    const index = firstEntryOf(file)
    const expected = 'the bytes that the journal implies'
    const message = `${path}, entry ${index} on: expected ${expected}. The file exists with other content. Compare the log with a copy.`
    throw new EvidenceRefused('FILE_DAMAGED', message, { file: path, index, expected })
  }

  /** With a tile of leaf hashes, their bundle is full, too. */
  async function writeTiles(full: readonly HashTile[]): Promise<void> {
    const entries = bundle
    bundle = []
    const index = tree.size / TILE_WIDTH - 1
    await writeFull({ kind: 'entries', index, width: TILE_WIDTH }, encodeBundle(entries))
    for (const { level, index, hashes } of full) {
      await writeFull({ kind: 'hashes', level, index, width: TILE_WIDTH }, encodeHashTile(hashes))
    }
  }

  return {
    partialPaths: () => partialPaths,

    async writeUpTo({ size, checkpoint }) {
      for await (const leaves of cursor.read(size)) {
        for (const leaf of leaves) {
          bundle.push(leaf)
          const full = tree.append(leafHash(leaf))
          if (full.length > 0) await writeTiles(full)
        }
      }
      refuseOtherHead({ origin, size, root: edgeRoot(tree.edge()) }, checkpoint)
      const partials = partialFiles()
      partialPaths = partials.map(([file]) => tilePath(file))
      for (const [file, bytes] of partials) await files.write(tilePath(file), bytes())
    },
  }
}

/** Neither a journal that changed after it was proven nor a fault of ours may become public. */
function refuseOtherHead(tree: Checkpoint, note: Uint8Array): void {
  if (isNoteOf(note, tree)) return
  const message = `The journal does not hold the entries of the checkpoint of ${tree.size}. Compare the log with a copy.`
  throw new EvidenceRefused('JOURNAL_COMMIT_INVALID', message, { index: tree.size - 1 })
}
