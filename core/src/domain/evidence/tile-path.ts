/** Hashes in a full tile, entries in a full bundle (evidence-log §3). */
export const TILE_WIDTH = 256

/** Levels that a tree of 2^53 - 1 entries can have. */
const MAX_LEVEL = 63

/** One public file of a log, beside its checkpoint. */
export type TileFile =
  | {
      readonly kind: 'hashes'
      readonly level: number
      readonly index: number
      /** 1 to 256; less than 256 is a partial file. */
      readonly width: number
    }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number }

/**
 * The path of a tile or bundle relative to the log folder, with `/` on every system.
 *
 * @throws RangeError for a level, index or width that no file has
 */
export function tilePath(file: TileFile): string {
  const { index, width } = file
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`No tile has the index ${index}.`)
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) throw new RangeError(`No tile has width ${width}.`)
  const partial = width === TILE_WIDTH ? '' : `.p/${width}`
  return `tile/${folderOf(file)}/${indexPath(index)}${partial}`
}

/** The same file once it is full. */
export function fullFile<File extends TileFile>(file: File): File {
  return { ...file, width: TILE_WIDTH }
}

/** Reads a path as `tilePath` writes it; `undefined` for any other spelling. The text may be attacker-controlled. */
export function parseTilePath(path: string): TileFile | undefined {
  const parts = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path)
  const [, folder = '', digits = '', partial] = parts ?? []
  const index = Number(digits.replace(/[x/]/g, ''))
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  if (parts === null || !Number.isSafeInteger(index) || width > TILE_WIDTH) return undefined
  if (folder !== 'entries' && Number(folder) > MAX_LEVEL) return undefined
  const file: TileFile =
    folder === 'entries' ? { kind: 'entries', index, width } : { kind: 'hashes', level: Number(folder), index, width }
  // Leading groups of zeros and a partial file of full width are other spellings of the same file.
  return tilePath(file) === path ? file : undefined
}

/** The files of each level that a tree of `size` entries needs, bundles first (evidence-log §3.1, §3.3). */
export function* tileFilesOf(size: number): Generator<TileFile, void, undefined> {
  for (const { index, width } of tilesOver(size)) yield { kind: 'entries', index, width }
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    for (const { index, width } of tilesOver(hashes)) yield { kind: 'hashes', level, index, width }
  }
}

/** The last hash tile of each level, lowest level first: partial ones, or the full one where nothing is left over. */
export function* rightmostTilesOf(size: number): Generator<TileFile & { kind: 'hashes' }, void, undefined> {
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    yield { kind: 'hashes', level, ...lastTile(hashes) }
  }
}

/** Index and width of the last tile over so many hashes, at least one. */
export function lastTile(hashes: number): { readonly index: number; readonly width: number } {
  const index = Math.ceil(hashes / TILE_WIDTH) - 1
  return { index, width: hashes - index * TILE_WIDTH }
}

function* tilesOver(hashes: number): Generator<{ readonly index: number; readonly width: number }, void, undefined> {
  for (let index = 0; index * TILE_WIDTH < hashes; index++) {
    yield { index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) }
  }
}

function folderOf(file: TileFile): string {
  if (file.kind === 'entries') return 'entries'
  if (!Number.isInteger(file.level) || file.level < 0 || file.level > MAX_LEVEL) {
    throw new RangeError(`No tile has level ${file.level}.`)
  }
  return String(file.level)
}

/** Groups of three digits, all but the last after an `x`: 1234067 is `x001/x234/067`. */
function indexPath(index: number): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? []
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
}
