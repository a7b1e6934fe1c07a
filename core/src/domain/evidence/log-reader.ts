import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { EvidenceReader } from '../../ports/evidence-reader.ts'
import type { JournalSegment } from '../../ports/journal.ts'
import type { LogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { foldHashes } from './hash-tile.ts'
import { createLogTail } from './log-tail.ts'
import { leafHash } from './merkle.ts'
import { proveConsistency, proveInclusion } from './merkle-prover.ts'
import { readBundle, readHashTile, refuseUnlessHashed } from './published-tree.ts'
import { readEntries } from './read-entries.ts'
import { subtreesFromTiles } from './tile-hashes.ts'
import { TILE_WIDTH, tilePath } from './tile-path.ts'
import type { CommittedHead } from './tree-writer.ts'
import type { VerifierKey } from './verifier-key.ts'

export interface LogReaderOptions {
  readonly origin: string
  readonly vkey: string
  /** The log's keys, past and present. */
  readonly keys: readonly VerifierKey[]
  readonly verifier: Ed25519Verifier
  readonly files: LogFiles
  /** Lists the journal as it is now, oldest first. */
  readonly segments: () => Promise<readonly JournalSegment[]>
  /** The newest durable head, asked anew each time; absent while the log is empty. */
  readonly head: () => CommittedHead | undefined
  /** Hash tiles that are kept, 8 KiB each. */
  readonly cachedTiles?: number
}

export interface LogReader extends EvidenceReader {
  /**
   * Index of the first entry whose bytes are kept: 0 unless retention removed older ones.
   * At most `size`.
   */
  firstKept(): Promise<number>
}

/**
 * Reads a log from its public files and, for what is not published yet, from the journal.
 *
 * Every entry is hashed and compared with its tile, every tile with the tile above it, and
 * the end of the tree with the signed root: nothing is given that is not in the tree.
 */
export function createLogReader(options: LogReaderOptions): LogReader {
  const { origin, vkey, files, segments, head, cachedTiles = 512 } = options
  const tail = createLogTail(options)
  // Proven tiles, the least recently used first.
  const tiles = new Map<string, readonly Uint8Array[]>()
  const subtree = subtreesFromTiles(hashesOf)

  async function hashesOf(level: number, index: number): Promise<readonly Uint8Array[]> {
    const recent = await tail.hashes(level, index)
    if (recent !== undefined) return recent
    const name = `${level}/${index}`
    const cached = tiles.get(name)
    tiles.delete(name)
    const hashes = cached ?? (await readProven(level, index))
    tiles.set(name, hashes)
    const [oldest] = tiles.keys()
    if (tiles.size > cachedTiles && oldest !== undefined) tiles.delete(oldest)
    return hashes
  }

  /** A full tile. It is one hash of the tile above it, and so on up to the end of the tree, which is proven. */
  async function readProven(level: number, index: number): Promise<readonly Uint8Array[]> {
    const file = { kind: 'hashes', level, index, width: TILE_WIDTH } as const
    const hashes = await readHashTile(files, file)
    const above = await hashesOf(level + 1, Math.floor(index / TILE_WIDTH))
    const expected = above[index % TILE_WIDTH]
    if (expected !== undefined && bytesEqual(foldHashes(hashes), expected)) return hashes
    const path = tilePath(file)
    const first = index * TILE_WIDTH ** (level + 1)
    throw new EvidenceRefused('FILE_DAMAGED', `${path}, entry ${first} on: its root is not in the tile above it.`, {
      ...{ file: path, index: first, expected: 'the hashes whose root is in the tile above' },
    })
  }

  /** The tree at the newest head, which has `size` entries at least. */
  async function reach(size: number): Promise<void> {
    const newest = head()
    if (newest === undefined || size > newest.size) {
      throw new RangeError(`The log has ${newest?.size ?? 0} entries, not ${size}.`)
    }
    await tail.advance(newest)
  }

  /** Some entries from `next` on, at least one, from wherever they are. */
  function leavesFrom(next: number, to: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
    if (next < tail.publishedSize) return fromBundle(next, to)
    const recent = tail.entry(next)
    return recent === undefined ? fromJournal(next, to) : [recent]
  }

  async function* fromBundle(next: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
    const index = Math.floor(next / TILE_WIDTH)
    const first = index * TILE_WIDTH
    const width = Math.min(TILE_WIDTH, tail.publishedSize - first)
    const entries = await readBundle(files, { kind: 'entries', index, width })
    refuseUnlessHashed(entries, await hashesOf(0, index), index)
    yield* entries.slice(next - first, to - first)
  }

  async function* fromJournal(from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const { index, leaf } of readEntries(await segments(), { from, to })) {
      const hashes = await hashesOf(0, Math.floor(index / TILE_WIDTH))
      const hash = hashes[index % TILE_WIDTH]
      if (hash === undefined || !bytesEqual(leafHash(leaf), hash)) {
        const place = { index, expected: 'the entry whose hash is in the tree' }
        throw new EvidenceRefused('JOURNAL_DAMAGED', `Entry ${index} of the journal is not in the tree.`, place)
      }
      yield leaf
    }
  }

  return {
    origin,
    vkey,
    get size() {
      return head()?.size ?? 0
    },
    checkpoint: () => head()?.checkpoint,

    async *entries(from, to) {
      if (!isCount(from) || !isCount(to) || from > to) throw new RangeError(`There are no entries ${from} to ${to}.`)
      if (from === to) return
      await reach(to)
      let next = from
      while (next < to) {
        const before = tail.publishedSize
        try {
          for await (const leaf of leavesFrom(next, to)) {
            yield { index: next, leaf: new Uint8Array(leaf) }
            next++
          }
        } catch (error) {
          // A journal file or a partial bundle goes when its entries are published in another file. Others
          // who read at the same time may have found that out already.
          await reach(to)
          await tail.refresh()
          if (tail.publishedSize <= before) throw error
        }
      }
    },

    async inclusionProof(index, size) {
      await reach(size)
      return proveInclusion(index, size, subtree)
    },

    async consistencyProof(from, to) {
      await reach(to)
      return proveConsistency(from, to, subtree)
    },

    async firstKept() {
      const newest = head()
      if (newest === undefined) return 0
      await tail.advance(newest)
      const isKept = async (bundle: number): Promise<boolean> => {
        return (await files.read(tilePath({ kind: 'entries', index: bundle, width: TILE_WIDTH }))) !== undefined
      }
      // Retention removes from the beginning only: the first bundle that is there is found by halving.
      let missing = -1
      let there = Math.floor(tail.publishedSize / TILE_WIDTH)
      while (there - missing > 1) {
        const middle = Math.floor((missing + there) / 2)
        if (await isKept(middle)) there = middle
        else missing = middle
      }
      return there * TILE_WIDTH
    },
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
