import { createHash, createPublicKey, verify } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
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
export function checkJournal(files: readonly JournalBytes[], vkey: string): CheckedLog {
  const { origin, publicKey } = splitVkey(vkey)
  const entries: Uint8Array[] = []
  const commits: number[] = []
  const tree = createTree()
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

/** `checkJournal` over a log folder, its verifier key taken from `log.json`. */
export function checkLog(directory: string): CheckedLog {
  const { vkey } = JSON.parse(readFileSync(join(directory, 'log.json'), 'utf8'))
  const journal = join(directory, 'journal')
  const files = readdirSync(journal).sort()
  return checkJournal(
    files.map((name) => ({ name, bytes: readFileSync(join(journal, name)) })),
    vkey,
  )
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
