import { createHash, createPublicKey, verify } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One journal file as bytes. */
export interface JournalBytes {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface CheckedLog {
  /** Entries under a verified commit, by index. */
  readonly entries: readonly Uint8Array[]
  /** Tree sizes of the commits. */
  readonly commits: readonly number[]
  /** Bytes after the last commit. */
  readonly tailBytes: number
}

/**
 * Verifies a journal from outside: its own frame reader, checksum, tree and signature check,
 * none of the product's code. Throws on anything that is not exactly right.
 */
export function checkJournal(
  files: readonly JournalBytes[],
  vkey: string,
  published: readonly Uint8Array[] = [],
): CheckedLog {
  const { origin, publicKey } = splitVkey(vkey)
  const entries: Uint8Array[] = [...published]
  const commits: number[] = []
  const tree = createTree()
  for (const entry of published) tree.push(entry)
  let tailBytes = 0
  for (const [n, { name, bytes }] of files.entries()) {
    if (name !== `${String(entries.length).padStart(20, '0')}.wal`)
      throw new Error(`${name} at entry ${entries.length}`)
    const view = Buffer.from(bytes)
    const pending: Uint8Array[] = []
    let at = 0
    let batchStart = 0
    while (at + 9 <= view.length) {
      const length = view.readUInt32BE(at)
      const frame = view.subarray(at + 8, at + 9 + length)
      if (frame.length !== 1 + length || crc32c(frame) !== view.readUInt32BE(at + 4)) break
      if (frame[0] === 1) {
        const index = Number(frame.readBigUInt64BE(1))
        if (index !== entries.length + pending.length) throw new Error(`${name}: entry ${index} out of order`)
        pending.push(new Uint8Array(frame.subarray(9)))
      } else if (frame[0] === 2) {
        if (pending.length === 0) throw new Error(`${name}: empty batch`)
        for (const entry of pending) tree.push(entry)
        entries.push(...pending.splice(0))
        checkNote(frame.subarray(1), origin, publicKey, entries.length, tree.root())
        commits.push(entries.length)
        batchStart = at + 9 + length
      } else throw new Error(`${name}: frame type ${frame[0]}`)
      at += 9 + length
    }
    tailBytes = view.length - batchStart
    if (tailBytes > 0 && n < files.length - 1) throw new Error(`${name}: torn in the middle`)
  }
  return { entries, commits, tailBytes }
}

export interface CheckedFolder extends CheckedLog {
  /** Entries under the public checkpoint; 0 when there is none. */
  readonly publishedSize: number
  /** Partial files that the checkpoint does not imply. */
  readonly spareFiles: readonly string[]
}

/**
 * Verifies a log folder from outside: the journal as above, and that checkpoint, tiles and
 * bundles are exactly those of the same entries. The verifier key is taken from `log.json`.
 */
export function checkLog(directory: string): CheckedFolder {
  const { vkey } = JSON.parse(readFileSync(join(directory, 'log.json'), 'utf8'))
  const journal = join(directory, 'journal')
  const names = readdirSync(journal).sort()
  const files = names.map((name) => ({ name, bytes: readFileSync(join(journal, name)) }))
  const checked = checkJournal(files, vkey, readBundles(directory, Number(names[0]?.slice(0, 20) ?? 0)))
  return { ...checked, ...checkPublicFiles(directory, vkey, checked.entries) }
}

/** The first `count` entries, from bundles. Their place in the tree is proven by what follows them. */
function readBundles(directory: string, count: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  while (entries.length < count) {
    const path = join(directory, 'tile/entries', groups(entries.length / 256))
    const partials = () => readdirSync(`${path}.p`).sort((a, b) => Number(b) - Number(a))
    const bundle = readFileSync(existsSync(path) ? path : join(`${path}.p`, partials()[0] ?? ''))
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) {
      entries.push(new Uint8Array(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at))))
    }
  }
  return entries.slice(0, count)
}

function checkPublicFiles(directory: string, vkey: string, all: readonly Uint8Array[]) {
  const present = existsSync(join(directory, 'tile'))
    ? readdirSync(join(directory, 'tile'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    : []
  if (!existsSync(join(directory, 'checkpoint'))) return { publishedSize: 0, spareFiles: present }
  const note = readFileSync(join(directory, 'checkpoint'))
  const size = Number(note.toString('utf8').split('\n')[1])
  const entries = all.slice(0, size)
  const tree = createTree()
  for (const entry of entries) tree.push(entry)
  const { origin, publicKey } = splitVkey(vkey)
  checkNote(note, origin, publicKey, size, tree.root())

  const implied = new Set<string>()
  const check = (folder: string, parts: readonly Uint8Array[]) => {
    for (let from = 0; from < parts.length; from += 256) {
      const part = parts.slice(from, from + 256)
      const path = `tile/${folder}/${groups(from / 256)}${part.length < 256 ? `.p/${part.length}` : ''}`
      implied.add(path)
      if (!readFileSync(join(directory, path)).equals(Buffer.concat(part))) throw new Error(`${path} is not as implied`)
    }
  }
  const framed = entries.map((entry) => Buffer.concat([Buffer.of(entry.length >> 8, entry.length & 255), entry]))
  check('entries', framed)
  for (let level = 0; 256 ** level <= size; level++) check(String(level), tree.level(8 * level))
  const spareFiles = present.filter((path) => !implied.has(path))
  // Full files beyond the size are those of a publication that was interrupted.
  return { publishedSize: size, spareFiles }
}

function groups(index: number): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  return padded.replace(/\d{3}(?=\d)/g, 'x$&/')
}

function splitVkey(vkey: string): { origin: string; publicKey: Buffer } {
  const [origin = '', , ...key] = vkey.split('+')
  return { origin, publicKey: Buffer.from(key.join('+'), 'base64').subarray(1) }
}

function checkNote(note: Buffer, origin: string, publicKey: Buffer, size: number, root: string): void {
  const whole = note.toString('utf8')
  const text = `${origin}\n${size}\n${root}\n`
  const head = `${text}\n\u2014 ${origin} `
  if (!whole.startsWith(head))
    throw new Error(`commit ${size}: ${JSON.stringify(whole)} is not for ${JSON.stringify(text)}`)
  const signature = Buffer.from(whole.slice(head.length, -1), 'base64').subarray(4)
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  if (!verify(undefined, Buffer.from(text), key, signature)) throw new Error(`commit ${size}: bad signature`)
}

/** Levels of complete subtrees; the root is defined by recursion, as in RFC 6962. */
function createTree() {
  const levels: Buffer[][] = [[]]
  const hash = (...parts: Uint8Array[]) => parts.reduce((h, part) => h.update(part), createHash('sha256')).digest()
  const node = (left: Buffer, right: Buffer) => hash(Uint8Array.of(1), left, right)
  function subtree(from: number, to: number): Buffer {
    const width = to - from
    const level = Math.log2(width)
    if (Number.isInteger(level)) return levels[level]?.[from / width] ?? Buffer.alloc(0)
    const split = from + 2 ** Math.floor(level)
    return node(subtree(from, split), subtree(split, to))
  }
  return {
    push(entry: Uint8Array) {
      let top = hash(Uint8Array.of(0), entry)
      for (let level = 0; ; level++) {
        const row = levels[level] ?? []
        levels[level] = row
        row.push(top)
        if (row.length % 2 === 1) return
        top = node(row[row.length - 2] ?? top, top)
      }
    },
    level: (height: number): readonly Buffer[] => levels[height] ?? [],
    root: () => (levels[0]?.length ? subtree(0, levels[0].length) : hash()).toString('base64'),
  }
}

/** Bit by bit, to share nothing with the tables under test. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
