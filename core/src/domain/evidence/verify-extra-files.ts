import type { LogFiles } from '../../ports/log-files.ts'
import { bytesEqual } from './bytes-equal.ts'
import { encodeBundle } from './entry-bundle.ts'
import type { Findings } from './findings.ts'
import { encodeHashTile } from './hash-tile.ts'
import { firstEntryOf, readBundle, readHashTile } from './published-tree.ts'
import { fullFile, parseTilePath, TILE_WIDTH, type TileFile, tilePath } from './tile-path.ts'

export interface VerifyExtraFilesOptions {
  readonly files: LogFiles
  /** Their paths. The journal was read after they were found. */
  readonly extraFiles: readonly string[]
  readonly publishedSize: number
  /** Entries that the journal proves, published or not. */
  readonly journalSize: number
  readonly findings: Findings
}

/** What an interrupted write leaves behind; the writer removes it. */
const TEMPORARY = /\.[0-9a-f]{16}\.tmp$/

/**
 * Verifies files under `tile/` that the published size does not imply: older partial files
 * must be the beginning of what followed, and files that an interrupted publication wrote
 * must not lie beyond what the journal holds. Anything else does not belong there.
 */
export async function verifyExtraFiles(options: VerifyExtraFilesOptions): Promise<void> {
  const { files, extraFiles, publishedSize, journalSize, findings } = options
  // Against a file that is damaged itself nothing can be compared.
  const isFound = (path: string): boolean => findings.list.some(({ file }) => file === path)
  for (const path of extraFiles) {
    if (TEMPORARY.test(path)) continue
    const file = parseTilePath(path)
    if (file === undefined || widthAt(file, journalSize) < file.width) {
      findings.add({ code: 'FILE_UNEXPECTED', file: path, expected: 'no such file in a log of this size' })
      continue
    }
    const width = widthAt(file, publishedSize)
    // The implied file itself is verified with the tree; what lies beyond it, when it is published.
    if (width <= file.width || isFound(tilePath({ ...file, width }))) continue
    await findings.from(path, async () => {
      const bytes = await files.read(path)
      const beginning = await beginningOf(files, file, width)
      if (bytes === undefined || bytesEqual(bytes, beginning)) return
      const index = firstEntryOf(file)
      findings.add({
        code: 'FILE_DAMAGED',
        file: path,
        index,
        expected: `the beginning of ${tilePath(fullFile(file))}`,
      })
    })
  }
}

/** Whether the file at this path is one that a published tree of `size` needs. */
export function isImplied(path: string, size: number): boolean {
  const file = parseTilePath(path)
  return file !== undefined && widthAt(file, size) === file.width
}

/** Hashes or entries that the tile has in a tree of `size`, 0 to 256. */
function widthAt(file: TileFile, size: number): number {
  const unit = file.kind === 'hashes' ? TILE_WIDTH ** file.level : 1
  return Math.min(TILE_WIDTH, Math.max(0, Math.floor(size / unit) - file.index * TILE_WIDTH))
}

async function beginningOf(files: LogFiles, file: TileFile, width: number): Promise<Uint8Array> {
  if (file.kind === 'hashes')
    return encodeHashTile((await readHashTile(files, { ...file, width })).slice(0, file.width))
  return encodeBundle((await readBundle(files, { ...file, width })).slice(0, file.width))
}
