import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { LogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { decodeBundle } from './entry-bundle.ts'
import { EvidenceRefused } from './evidence-errors.ts'
import { decodeHashTile } from './hash-tile.ts'
import { EMPTY_EDGE, edgeRoot, leafHash, type RightEdge } from './merkle.ts'
import { edgeOf, type SubtreeHash } from './merkle-prover.ts'
import { subtreesFromTiles } from './tile-hashes.ts'
import { fullFile, lastTile, rightmostTilesOf, TILE_WIDTH, type TileFile, tilePath } from './tile-path.ts'
import type { HashTile } from './tile-tree.ts'
import type { VerifierKey } from './verifier-key.ts'

/** Path of the signed checkpoint of the published tree, relative to the log folder. */
export const CHECKPOINT_FILE = 'checkpoint'

/** What the public files of a log say at their newest checkpoint, as far as its right edge proves it. */
export interface PublishedTree {
  readonly checkpoint: Checkpoint
  /** The signed checkpoint as it is in the file. */
  readonly note: Uint8Array
  readonly edge: RightEdge
  /** The unfinished tile of each level, lowest first. */
  readonly partialTiles: readonly HashTile[]
  /** The entries of the unfinished bundle. */
  readonly partialBundle: readonly Uint8Array[]
  /** Any perfect subtree, read from tiles. Inside the right edge it proves nothing by itself. */
  readonly subtree: SubtreeHash
}

export interface PublishedTreeOptions {
  readonly files: LogFiles
  readonly origin: string
  readonly keys: readonly VerifierKey[]
  readonly verifier: Ed25519Verifier
}

/**
 * Reads the published checkpoint and proves it at the right edge (evidence-log §9.4-6): the
 * root recomputed from the tiles is the signed one, and the last bundle hashes to the last
 * level 0 tile. `undefined` when nothing was published.
 *
 * @throws {EvidenceRefused} what `openCheckpoint` throws, FILE_MISSING or FILE_DAMAGED
 */
export async function readPublishedTree(options: PublishedTreeOptions): Promise<PublishedTree | undefined> {
  const { files, origin, keys, verifier } = options
  const note = await files.read(CHECKPOINT_FILE)
  if (note === undefined) return undefined
  const checkpoint = openCheckpointFile(note, origin, keys, verifier)
  const { size, root } = checkpoint
  const partialTiles: HashTile[] = []
  let leaves: readonly Uint8Array[] = []
  for (const file of rightmostTilesOf(size)) {
    const hashes = await readHashTile(files, file)
    if (file.level === 0) leaves = hashes
    if (file.width < TILE_WIDTH) partialTiles.push({ level: file.level, index: file.index, hashes })
  }
  const subtree = subtreesFromTiles((level, index, width) => {
    const last = lastTile(Math.floor(size / TILE_WIDTH ** level))
    return readHashTile(files, {
      kind: 'hashes',
      level,
      index,
      width: index === last.index ? last.width : TILE_WIDTH,
    }).then((hashes) => hashes.slice(0, width))
  })
  const edge = size === 0 ? EMPTY_EDGE : await edgeOf(size, subtree)
  if (!bytesEqual(edgeRoot(edge), root)) {
    const message = `The tiles at the end of the log do not have the root of its checkpoint of ${size}. Compare the log with a copy.`
    throw new EvidenceRefused('FILE_DAMAGED', message, {
      file: CHECKPOINT_FILE,
      index: size - 1,
      expected: 'tiles whose root is the signed one',
    })
  }
  const last = lastTile(size)
  const bundle = size === 0 ? [] : await readBundle(files, { kind: 'entries', ...last })
  refuseUnlessHashed(bundle, leaves, last.index)
  const isUnfinished = last.width < TILE_WIDTH
  return { checkpoint, note, edge, partialTiles, partialBundle: isUnfinished ? bundle : [], subtree }
}

/** Opens the file `checkpoint`, naming it in what it throws. */
export function openCheckpointFile(
  note: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
  verifier: Ed25519Verifier,
): Checkpoint {
  try {
    return openCheckpoint(note, origin, keys, verifier)
  } catch (cause) {
    if (!(cause instanceof EvidenceRefused)) throw cause
    const place = { cause, file: CHECKPOINT_FILE, expected: 'a checkpoint that this log signed' }
    throw new EvidenceRefused(cause.code, `${CHECKPOINT_FILE}: ${cause.message}`, place)
  }
}

/**
 * The hashes of a tile. Of a partial one that is gone, the beginning of the full one: it may
 * have become full (evidence-log §3.3).
 *
 * @throws {EvidenceRefused} FILE_MISSING or FILE_DAMAGED
 */
export async function readHashTile(
  files: LogFiles,
  file: TileFile & { kind: 'hashes' },
): Promise<readonly Uint8Array[]> {
  const { found, width } = await readTileFile(files, file)
  const hashes = decodeHashTile(found, width)
  if (hashes === undefined) throw damaged(file, `${width} hashes`)
  return hashes.slice(0, file.width)
}

/** The entries of a bundle, in the same way. They are not compared with any tile. */
export async function readBundle(
  files: LogFiles,
  file: TileFile & { kind: 'entries' },
): Promise<readonly Uint8Array[]> {
  const { found, width } = await readTileFile(files, file)
  const entries = decodeBundle(found, width)
  if (entries === undefined) throw damaged(file, `exactly ${width} entries`)
  return entries.slice(0, file.width)
}

/** @throws {EvidenceRefused} FILE_DAMAGED when an entry of the bundle has not the hash that its tile has */
export function refuseUnlessHashed(
  bundle: readonly Uint8Array[],
  leaves: readonly Uint8Array[],
  bundleIndex: number,
): void {
  bundle.forEach((entry, i) => {
    const hash = leaves[i]
    if (hash !== undefined && bytesEqual(leafHash(entry), hash)) return
    const file = tilePath({ kind: 'entries', index: bundleIndex, width: bundle.length })
    const index = bundleIndex * TILE_WIDTH + i
    const expected = 'the entry whose hash is in the tree'
    throw new EvidenceRefused('FILE_DAMAGED', `${file}, entry ${index}: expected ${expected}.`, {
      file,
      index,
      expected,
    })
  })
}

async function readTileFile(files: LogFiles, file: TileFile): Promise<{ found: Uint8Array; width: number }> {
  const exact = await files.read(tilePath(file))
  if (exact !== undefined) return { found: exact, width: file.width }
  const full = file.width === TILE_WIDTH ? undefined : await files.read(tilePath(fullFile(file)))
  if (full !== undefined) return { found: full, width: TILE_WIDTH }
  const path = tilePath(file)
  const index = firstEntryOf(file)
  const message = `${path} is missing, which the checkpoint implies (entry ${index} on). Put it back from a copy.`
  throw new EvidenceRefused('FILE_MISSING', message, { file: path, index, expected: 'the file' })
}

function damaged(file: TileFile, expected: string): EvidenceRefused {
  const path = tilePath(file)
  const index = firstEntryOf(file)
  const message = `${path}, entry ${index} on: expected ${expected}. Put it back from a copy.`
  return new EvidenceRefused('FILE_DAMAGED', message, { file: path, index, expected })
}

/** Index of the first entry that a file stands for. */
export function firstEntryOf(file: TileFile): number {
  return file.index * TILE_WIDTH * (file.kind === 'hashes' ? TILE_WIDTH ** file.level : 1)
}
