import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { EvidenceRefused } from '../../../../core/src/domain/evidence/evidence-errors.ts'
import { MAX_FRAME_BYTES, readFrame } from '../../../../core/src/domain/evidence/frame.ts'
import {
  appendLeaf,
  EMPTY_EDGE,
  edgeRoot,
  leafHash,
  type RightEdge,
} from '../../../../core/src/domain/evidence/merkle.ts'
import { signNote } from '../../../../core/src/domain/evidence/note.ts'
import { readEntries } from '../../../../core/src/domain/evidence/read-entries.ts'
import { recoverJournal } from '../../../../core/src/domain/evidence/recover-journal.ts'
import { createVerifierKey } from '../../../../core/src/domain/evidence/verifier-key.ts'
import { createLogSigner, nodeVerifier } from '../../../fakes/log-signer.ts'
import { createMemoryJournal, type MemoryJournal } from '../../../fakes/memory-journal.ts'
import { checkJournal, crc32c } from '../../../tools/check-log.ts'
import { encodeBatch, entry, key, recover, signer, startLog, vkey, writtenJournal } from './test-log.ts'
import { example, utf8 } from './worked-example.ts'

const BATCHES = [3, 1, 4]
const LAST = 4

let good: MemoryJournal
let bytes: Uint8Array
/** Every frame of the only segment, in order. */
let frames: Uint8Array[]
/** Where the last batch starts. */
let lastBatch: number

beforeAll(async () => {
  good = await writtenJournal(BATCHES)
  bytes = good.stored[0]?.bytes ?? new Uint8Array(0)
  frames = []
  for (let at = 0; at < bytes.length; ) {
    const size = readFrame(bytes.subarray(at))?.bytes ?? 0
    frames.push(bytes.slice(at, at + size))
    at += size
  }
  lastBatch = bytes.length - frames.slice(-(LAST + 1)).reduce((sum, { length }) => sum + length, 0)
})

const journalOf = (...parts: Uint8Array[]) =>
  createMemoryJournal([{ firstIndex: 0, bytes: new Uint8Array(Buffer.concat(parts)) }])
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)

async function refusal(disk: MemoryJournal): Promise<EvidenceRefused> {
  const before = JSON.stringify(disk.stored.map(({ bytes: stored }) => Buffer.from(stored).toString('hex')))
  const error = await recover(disk.segments()).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(JSON.stringify(disk.stored.map(({ bytes: stored }) => Buffer.from(stored).toString('hex')))).toBe(before)
  if (!(error instanceof EvidenceRefused)) throw new Error(`not refused: ${error}`)
  return error
}

async function collect(disk: MemoryJournal, to: number, from = 0) {
  const entries = []
  for await (const stored of readEntries(disk.segments(), { from, to })) entries.push(stored)
  return entries
}

/** A journal made of batches that need not be right. */
function craft(batches: readonly { first: number; leaves: readonly Uint8Array[]; note: Uint8Array }[]): MemoryJournal {
  return journalOf(...batches.map(({ first, leaves, note }) => encodeBatch(first, leaves, note)))
}
const treeOf = (leaves: readonly Uint8Array[]): RightEdge =>
  leaves.reduce((tree, leaf) => appendLeaf(tree, leafHash(leaf)), EMPTY_EDGE)
const checkpoint = (tree: RightEdge, size = tree.size, origin = example.origin, by = { key, signer }) =>
  signNote(`${origin}\n${size}\n${Buffer.from(edgeRoot(tree)).toString('base64')}\n`, by.key, by.signer)

describe('a whole journal', () => {
  it('is replayed to the tree that an outside checker finds', async () => {
    const recovered = await recover(good.segments())
    const checked = checkJournal(good.files(), vkey)
    expect(recovered.tree).toEqual(treeOf(checked.entries))
    expect(recovered.tree.size).toBe(sum(BATCHES))
    expect(checked.commits).toEqual([3, 4, 8])
    expect(recovered.newestSegmentBytes).toBe(bytes.length)
    expect(recovered.tornTail).toBeUndefined()
    expect(recovered.lastBatch).toMatchObject({ offset: lastBatch, bytes: bytes.length - lastBatch })
  })

  it('may be empty: no file, or one without bytes', async () => {
    expect(await recover([])).toMatchObject({ tree: EMPTY_EDGE, newestSegmentBytes: undefined })
    expect(await recover(journalOf().segments())).toMatchObject({
      tree: EMPTY_EDGE,
      newestSegmentBytes: 0,
      lastBatch: undefined,
    })
  })

  it('is read entry by entry, from any place', async () => {
    expect(await collect(good, 8)).toEqual(Array.from({ length: 8 }, (_, i) => ({ index: i, leaf: entry(i) })))
    for (let from = 0; from < 8; from++) {
      const [first, ...rest] = await collect(good, 8, from)
      expect(first).toEqual({ index: from, leaf: entry(from) })
      expect(rest.length).toBe(7 - from)
      // A copy: a kept entry must not keep a whole chunk.
      expect(first?.leaf.buffer.byteLength).toBe(entry(from).length)
    }
    expect((await collect(good, 6, 5)).map(({ index }) => index)).toEqual([5])
    expect(await collect(good, 0)).toEqual([])
    await expect(collect(good, 9)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED', index: 8 })
  })

  it('is replayed across files, also when the newest is still empty', async () => {
    const disk = await writtenJournal([5, 5, 5], { segmentBytes: 600 })
    expect(disk.stored.map(({ firstIndex }) => firstIndex)).toEqual([0, 5, 10])
    expect((await recover(disk.segments())).tree.size).toBe(15)
    expect((await collect(disk, 15, 3)).map(({ index }) => index)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    disk.stored.push({ firstIndex: 15, bytes: new Uint8Array(0) })
    const recovered = await recover(disk.segments())
    expect(recovered).toMatchObject({ newestSegmentBytes: 0, lastBatch: { segment: { firstIndex: 10 }, offset: 0 } })
  })

  it('is read in bounded pieces however large it is', async () => {
    const large = Array.from({ length: 200 }, (_, i) => utf8(`${i}${'x'.repeat(40_000)}`))
    const disk = craft([
      { first: 0, leaves: large.slice(0, 100), note: checkpoint(treeOf(large.slice(0, 100))) },
      { first: 100, leaves: large.slice(100), note: checkpoint(treeOf(large)) },
    ])
    const requests: number[] = []
    const segments = disk.segments().map((segment) => ({
      ...segment,
      read: (offset: number, length: number) => {
        requests.push(length)
        return segment.read(offset, length)
      },
    }))
    expect((await recover(segments)).tree).toEqual(treeOf(large))
    expect(Math.max(...requests)).toBeLessThanOrEqual(1024 * 1024)
    expect(requests.length).toBeGreaterThan(7)
    expect((await collect(disk, 200)).map(({ leaf }) => leaf)).toEqual(large)
  })
})

describe('a torn tail', () => {
  it('is found for a cut at every byte of the last batch, and everything before it is kept', async () => {
    for (let cut = lastBatch; cut < bytes.length; cut++) {
      const disk = journalOf(bytes.slice(0, cut))
      const { tree, tornTail, newestSegmentBytes } = await recover(disk.segments())
      expect(tree.size).toBe(sum(BATCHES) - LAST)
      expect(newestSegmentBytes).toBe(lastBatch)
      if (cut === lastBatch) expect(tornTail).toBeUndefined()
      else expect(tornTail).toMatchObject({ offset: lastBatch, bytes: cut - lastBatch })
    }
  })

  it('goes to quarantine at the next start, and the log goes on where the last commit ended', async () => {
    for (let cut = lastBatch + 1; cut < bytes.length; cut += 7) {
      const disk = journalOf(bytes.slice(0, cut))
      const { log } = await startLog(disk)
      expect(await log.append(entry('next'))).toEqual({ index: 4 })
      await log.close()
      expect(disk.quarantine).toEqual([
        { segment: 'journal/00000000000000000000.wal', offset: lastBatch, bytes: bytes.slice(lastBatch, cut) },
      ])
      const checked = checkJournal(disk.files(), vkey)
      expect(checked.entries).toEqual([...Array.from({ length: 4 }, (_, i) => entry(i)), entry('next')])
      expect(checked.tailBytes).toBe(0)
    }
  })

  it('may be garbage of any kind after the last commit', async () => {
    const garbage = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      fc.integer({ min: 1, max: 3_000_000 }).map((size) => new Uint8Array(size)),
      fc.integer({ min: 1, max: 3000 }).map((size) => new Uint8Array(size).fill(0xff)),
    )
    await fc.assert(
      fc.asyncProperty(garbage, async (tail) => {
        const { tree, tornTail } = await recover(journalOf(bytes, tail).segments())
        expect(tree.size).toBe(sum(BATCHES))
        expect(tornTail).toMatchObject({ offset: bytes.length, bytes: tail.length })
      }),
      { numRuns: 60 },
    )
  })

  it('may be entries whose commit never came', async () => {
    const disk = journalOf(...frames.slice(0, -1))
    expect(await recover(disk.segments())).toMatchObject({ tree: { size: 4 }, tornTail: { offset: lastBatch } })
  })

  it('may be all there is', async () => {
    const [first] = frames as [Uint8Array]
    expect(await recover(journalOf(first).segments())).toMatchObject({
      tree: EMPTY_EDGE,
      newestSegmentBytes: 0,
      tornTail: { offset: 0 },
    })
  })

  it('is corruption when a newer file follows', async () => {
    const disk = await writtenJournal([2, 2], { segmentBytes: 100 })
    const [first] = disk.stored
    if (first) first.bytes = first.bytes.slice(0, -1)
    expect(await refusal(disk)).toMatchObject({
      code: 'JOURNAL_DAMAGED',
      file: 'journal/00000000000000000000.wal',
      index: 0,
    })
  })
})

describe('a damaged journal', () => {
  it('is refused with file and index wherever a byte before the last commit is flipped', async () => {
    const lastFrame = bytes.length - (frames.at(-1)?.length ?? 0)
    for (let at = 0; at < lastFrame; at++) {
      const flipped = bytes.slice()
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      const { code, file, index, message } = await refusal(journalOf(flipped))
      expect([at, code, file]).toEqual([at, 'JOURNAL_DAMAGED', 'journal/00000000000000000000.wal'])
      const entriesBefore = [...frames].reduce(
        (seen, frame) =>
          seen.end + frame.length <= at
            ? { end: seen.end + frame.length, n: seen.n + (frame[8] === 1 ? 1 : 0) }
            : { end: Number.POSITIVE_INFINITY, n: seen.n },
        { end: 0, n: 0 },
      ).n
      expect(index).toBe(entriesBefore)
      expect(message).toContain(`entry ${index}`)
    }
  })

  it('looks like a torn tail only when its very last frame is hit: nobody can tell the two apart', async () => {
    for (let back = 1; back <= (frames.at(-1)?.length ?? 0); back++) {
      const flipped = bytes.slice()
      flipped[bytes.length - back] = (flipped[bytes.length - back] ?? 0) ^ 1
      expect(await recover(journalOf(flipped).segments())).toMatchObject({
        tree: { size: 4 },
        tornTail: { offset: lastBatch },
      })
    }
  })

  it('is refused when a valid frame follows the damage at any distance', async () => {
    for (const distance of [1, 8, 9, 65_552, 1024 * 1024 - 3, 3 * 1024 * 1024]) {
      const disk = journalOf(bytes, new Uint8Array(distance).fill(0x55), frames[0] ?? bytes)
      const error = await refusal(disk)
      expect([distance, error.code]).toEqual([distance, 'JOURNAL_DAMAGED'])
      expect(error.message).toContain(`at byte ${bytes.length + distance}`)
    }
  })

  it('is refused when a largest frame lies across the end of a chunk', async () => {
    const large = utf8('x'.repeat(65_535))
    const frame = encodeBatch(0, [large], utf8('n')).slice(0, MAX_FRAME_BYTES)
    for (const distance of [
      1024 * 1024 - 1,
      1024 * 1024 - MAX_FRAME_BYTES,
      1024 * 1024 - MAX_FRAME_BYTES + 1,
      1024 * 1024 - 30,
    ]) {
      const error = await refusal(journalOf(new Uint8Array(distance).fill(0x55), frame))
      expect(error.message).toContain(`follows at byte ${distance}`)
    }
  })

  it.each<[string, () => Uint8Array[], string, number]>([
    ['an entry is removed', () => frames.toSpliced(1, 1), 'JOURNAL_ORDER', 1],
    ['an entry is repeated', () => frames.toSpliced(1, 0, frames[1] as Uint8Array), 'JOURNAL_ORDER', 2],
    [
      'two entries are swapped',
      () => frames.with(0, frames[1] as Uint8Array).with(1, frames[0] as Uint8Array),
      'JOURNAL_ORDER',
      0,
    ],
    ['the first batch is removed', () => frames.slice(4), 'JOURNAL_ORDER', 0],
    ['the middle batch is removed', () => frames.toSpliced(4, 2), 'JOURNAL_ORDER', 3],
    ['a batch is repeated', () => frames.toSpliced(6, 0, ...frames.slice(4, 6)), 'JOURNAL_ORDER', 4],
    [
      'two batches are swapped',
      () => [...frames.slice(0, 4), ...frames.slice(6), ...frames.slice(4, 6)],
      'JOURNAL_ORDER',
      3,
    ],
    ['a commit is repeated', () => frames.toSpliced(4, 0, frames[3] as Uint8Array), 'JOURNAL_ORDER', 3],
    ['a commit comes first', () => [frames[3] as Uint8Array, ...frames], 'JOURNAL_ORDER', 0],
    [
      'two commits are swapped',
      () => frames.with(3, frames[5] as Uint8Array).with(5, frames[3] as Uint8Array),
      'JOURNAL_COMMIT_INVALID',
      3,
    ],
    [
      'a commit moves before the last entry of its batch',
      () => frames.with(2, frames[3] as Uint8Array).with(3, frames[2] as Uint8Array),
      'JOURNAL_COMMIT_INVALID',
      2,
    ],
  ])('is refused when %s', async (_, tampered, code, index) => {
    expect(await refusal(journalOf(...tampered()))).toMatchObject({
      code,
      index,
      file: 'journal/00000000000000000000.wal',
    })
  })

  it('still holds exactly the same entries when only a commit in the middle is removed', async () => {
    const disk = journalOf(...frames.toSpliced(3, 1))
    expect((await recover(disk.segments())).tree).toEqual((await recover(good.segments())).tree)
  })

  it('is refused when an entry is replaced by another with a right checksum', async () => {
    const forged = (frames[1] as Uint8Array).slice()
    forged[forged.length - 2] = 0x39
    new DataView(forged.buffer).setUint32(4, crc32c(forged.subarray(8)))
    expect(readFrame(forged)?.type).toBe('entry')
    expect(await refusal(journalOf(...frames.with(1, forged)))).toMatchObject({
      code: 'JOURNAL_COMMIT_INVALID',
      index: 3,
    })
  })

  it.each<[string, (disk: MemoryJournal) => void, number]>([
    ['the first file is missing', ({ stored }) => void stored.shift(), 0],
    ['a file in the middle is missing', ({ stored }) => void stored.splice(1, 1), 2],
    [
      'a file has another name',
      ({ stored }) => void stored.splice(1, 1, { firstIndex: 3, bytes: stored[1]?.bytes ?? bytes }),
      2,
    ],
    ['a file was emptied', ({ stored }) => void stored.splice(0, 1, { firstIndex: 0, bytes: new Uint8Array(0) }), 0],
    [
      'an empty file follows that starts elsewhere',
      ({ stored }) => void stored.push({ firstIndex: 7, bytes: new Uint8Array(0) }),
      6,
    ],
  ])('is refused when %s', async (_, tamper, index) => {
    const disk = await writtenJournal([2, 2, 2], { segmentBytes: 100 })
    expect(disk.stored.length).toBe(3)
    tamper(disk)
    expect(await refusal(disk)).toMatchObject({ code: 'JOURNAL_ORDER', index })
  })
})

describe('a commit with a right checksum', () => {
  const leaves = [entry(0), entry(1)]
  const tree = treeOf(leaves)
  const stranger = createLogSigner('ff'.repeat(32))
  const strangerKey = createVerifierKey(example.origin, stranger.publicKey)

  it('is accepted when it is signed by this log for these entries', async () => {
    expect((await recover(craft([{ first: 0, leaves, note: checkpoint(tree) }]).segments())).tree).toEqual(tree)
  })

  it.each([
    ['is of another size', checkpoint(tree, 3)],
    ['is of fewer entries', checkpoint(treeOf(leaves.slice(1)))],
    ['has the root of other entries', checkpoint(treeOf([entry(0), entry(2)]))],
    ['is of another log', checkpoint(tree, 2, 'evidence.example/core-2')],
    ['is signed by another key', checkpoint(tree, 2, example.origin, { key: strangerKey, signer: stranger })],
    ['names this key over a signature of another', checkpoint(tree, 2, example.origin, { key, signer: stranger })],
    ['is no note', utf8('x')],
    ['is empty', new Uint8Array(0)],
  ])('is refused when it %s', async (_, note) => {
    const error = await refusal(craft([{ first: 0, leaves, note }]))
    expect(error).toMatchObject({ code: 'JOURNAL_COMMIT_INVALID', index: 2, file: 'journal/00000000000000000000.wal' })
  })

  it('is accepted under the old or the new key of a rotation', async () => {
    const disk = craft([
      { first: 0, leaves, note: checkpoint(tree, 2, example.origin, { key: strangerKey, signer: stranger }) },
    ])
    const options = {
      segments: disk.segments(),
      origin: example.origin,
      keys: [key, strangerKey],
      verifier: nodeVerifier,
      known: [],
    }
    expect((await recoverJournal(options)).tree).toEqual(tree)
  })
})

describe('a tree head known from elsewhere', () => {
  const head = (size: number, leaves = Array.from({ length: size }, (_, i) => entry(i))) => ({
    origin: example.origin,
    size,
    root: edgeRoot(treeOf(leaves)),
  })

  it('is extended by a journal that holds its entries, also between commits', async () => {
    for (let size = 0; size <= 8; size++) expect((await recover(good.segments(), [head(size)])).tree.size).toBe(8)
  })

  it('refuses a journal that is shorter', async () => {
    const shorter = journalOf(bytes.slice(0, lastBatch))
    await expect(recover(shorter.segments(), [head(5)])).rejects.toMatchObject({
      code: 'JOURNAL_ROLLED_BACK',
      index: 4,
    })
    await expect(recover([], [head(1)])).rejects.toMatchObject({ code: 'JOURNAL_ROLLED_BACK', index: 0 })
  })

  it('refuses a journal that is shorter because its tail is torn', async () => {
    const torn = journalOf(bytes.slice(0, -1))
    await expect(recover(torn.segments(), [head(8)])).rejects.toMatchObject({ code: 'JOURNAL_ROLLED_BACK' })
  })

  it('refuses a journal with other entries', async () => {
    const other = head(4, [entry(0), entry(1), entry(2), entry('other')])
    await expect(recover(good.segments(), [other])).rejects.toMatchObject({ code: 'JOURNAL_ROLLED_BACK', index: 3 })
  })
})
