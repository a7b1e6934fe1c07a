import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../core/src/domain/evidence/checkpoint.ts'
import { decodeBundle, encodeBundle } from '../../../../core/src/domain/evidence/entry-bundle.ts'
import { encodeHashTile } from '../../../../core/src/domain/evidence/hash-tile.ts'
import { leafHash, rootOf } from '../../../../core/src/domain/evidence/merkle.ts'
import { signNote } from '../../../../core/src/domain/evidence/note.ts'
import { encodePrunedRecord } from '../../../../core/src/domain/evidence/pruned-record.ts'
import {
  createVerifierKey,
  formatVerifierKey,
  parseVerifierKey,
} from '../../../../core/src/domain/evidence/verifier-key.ts'
import { type LogVerdict, verifyLog } from '../../../../core/src/domain/evidence/verify-log.ts'
import { createLogSigner, nodeVerifier } from '../../../fakes/log-signer.ts'
import { createManualTimer } from '../../../fakes/manual-timer.ts'
import { createEvidencePlace, openAt, removeEvidencePlaces } from '../../../tools/evidence-place.ts'
import { readStoredLog, type StoredLog, storedFiles, storedSegments, verifyStored } from '../../../tools/stored-log.ts'
import { utf8 } from './worked-example.ts'

afterAll(removeEvidencePlaces)

const SIZE = 600
const leafOf = (i: number) => utf8(`{"capiscio.decision":"ALLOW","outcome":"SUCCESS","entry":${i}}`)
const JOURNAL = 'journal/00000000000000000000.wal'

/** 600 entries, all published, in two journal files; and the same log at 300 entries. */
let whole: StoredLog
let older: StoredLog
/** Fifty entries more, which only the journal has. */
let unpublished: StoredLog

beforeAll(async () => {
  const place = createEvidencePlace()
  const append = async (from: number, to: number, options: Parameters<typeof openAt>[1] = {}) => {
    const { log } = await openAt(place, options)
    for (let i = from; i < to; i += 100) {
      await Promise.all(Array.from({ length: Math.min(100, to - i) }, (_, n) => log.append(leafOf(i + n))))
    }
    return log
  }
  await (await append(0, 300)).close()
  older = readStoredLog(place.directory)
  await (
    await append(300, SIZE, {
      limits: { batchEntries: 256, batchBytes: 1e6, waitingEntries: 4096, segmentBytes: 20_000 },
    })
  ).close()
  whole = readStoredLog(place.directory)
  const log = await append(SIZE, SIZE + 50, { timer: createManualTimer() })
  unpublished = readStoredLog(place.directory)
  await log.close()
})

const copy = (log: StoredLog): StoredLog => new Map([...log].map(([path, bytes]) => [path, bytes.slice()]))
const bytesOf = (log: StoredLog, path: string): Uint8Array => {
  const bytes = log.get(path)
  if (bytes === undefined) throw new Error(`no ${path}: ${[...log.keys()]}`)
  return bytes
}
const vkeyOf = (log: StoredLog): string => JSON.parse(new TextDecoder().decode(bytesOf(log, 'log.json'))).vkey
const headOf = (log: StoredLog) => {
  const key = parseVerifierKey(vkeyOf(log))
  return openCheckpoint(bytesOf(log, 'checkpoint'), key.name, [key], nodeVerifier)
}
const journalOf = (log: StoredLog) =>
  [...log.keys()]
    .filter((path) => path.startsWith('journal/'))
    .sort()
    .at(-1) ?? ''
const codes = (verdict: LogVerdict) => (verdict.ok ? ['ok'] : [...new Set(verdict.findings.map(({ code }) => code))])

/** Rewrites bundles and tiles of the public files for these entries; what whoever has no key can do. */
function rebuild(log: StoredLog, entries: readonly Uint8Array[]): void {
  for (const path of [...log.keys()]) if (path.startsWith('tile/')) log.delete(path)
  const leaves = entries.map(leafHash)
  for (let from = 0; from < entries.length; from += 256) {
    const width = Math.min(256, entries.length - from)
    const name = `${String(from / 256).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`
    log.set(`tile/entries/${name}`, encodeBundle(entries.slice(from, from + width)))
    log.set(`tile/0/${name}`, encodeHashTile(leaves.slice(from, from + width)))
  }
  const full = Math.floor(entries.length / 256)
  const upper = Array.from({ length: full }, (_, i) => rootOf(leaves.slice(i * 256, (i + 1) * 256)))
  if (full > 0) log.set(`tile/1/000.p/${full}`, encodeHashTile(upper))
}
const entriesOf = (log: StoredLog): Uint8Array[] =>
  [0, 1, 2].flatMap((i) => {
    const width = i < 2 ? 256 : SIZE - 512
    return [...(decodeBundle(bytesOf(log, `tile/entries/00${i}${width < 256 ? `.p/${width}` : ''}`), width) ?? [])]
  })

describe('an untouched log', () => {
  it('is accepted, with its size and root', async () => {
    expect(await verifyStored(whole)).toEqual({ ok: true, size: SIZE, root: headOf(whole).root, firstKept: 0 })
    expect(await verifyStored(older)).toMatchObject({ ok: true, size: 300 })
  })

  it('is accepted as a copy of its public files alone', async () => {
    const files = new Map([...whole].filter(([path]) => !path.startsWith('journal/')))
    expect(await verifyStored(files)).toMatchObject({ ok: true, size: SIZE })
  })

  it('is accepted with what only its journal holds', async () => {
    expect(await verifyStored(unpublished)).toMatchObject({ ok: true, size: SIZE + 50 })
  })

  it('is accepted without any tile while its journal is whole, as before the first publication', async () => {
    const log = new Map([...older].filter(([path]) => /^journal|^log/.test(path)))
    expect([...log.keys()].sort()).toEqual([JOURNAL, 'log.json'])
    expect(await verifyStored(log)).toMatchObject({ ok: true, size: 300 })
  })

  it('is accepted with older partial files and left-overs of interrupted writes', async () => {
    const log = copy(whole)
    log.set('tile/entries/001.p/44', bytesOf(older, 'tile/entries/001.p/44'))
    log.set('tile/0/001.p/44', bytesOf(older, 'tile/0/001.p/44'))
    log.set('tile/0/002.0123456789abcdef.tmp', utf8('half'))
    expect(await verifyStored(log)).toMatchObject({ ok: true })
  })

  it('is accepted where a partial file is gone because its tile became full', async () => {
    const place = createEvidencePlace()
    const append = async (log: { append(leaf: Uint8Array): Promise<unknown> }, from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, i) => log.append(leafOf(from + i))))
    const first = await openAt(place)
    await append(first.log, 0, 200)
    await first.log.close()
    const second = await openAt(place, { timer: createManualTimer() })
    await append(second.log, 200, 300)
    const stored = readStoredLog(place.directory)
    await second.log.close()
    const done = readStoredLog(place.directory)
    for (const kind of ['0', 'entries']) {
      stored.delete(`tile/${kind}/000.p/200`)
      stored.set(`tile/${kind}/000`, bytesOf(done, `tile/${kind}/000`))
    }
    expect(await verifyStored(stored)).toMatchObject({ ok: true, size: 300 })
    stored.delete('tile/0/000')
    expect(codes(await verifyStored(stored))).toContain('FILE_MISSING')
  })

  it('tells its progress up to the last entry', async () => {
    const seen: number[] = []
    const key = parseVerifierKey(vkeyOf(whole))
    await verifyLog({
      ...{ origin: key.name, keys: [key], verifier: nodeVerifier, anchors: [], segments: async () => [] },
      files: storedFiles(whole),
      async *tileFiles() {},
      onProgress: ({ verified, size }) => void seen.push(verified / size),
    })
    expect(seen).toEqual([256 / SIZE, 512 / SIZE, 1])
  })
})

describe('a log that is written on while it is verified', () => {
  /** A log that is in one state until it was looked at so often, and then in the next. */
  function growing(states: readonly StoredLog[], looks: number) {
    let seen = 0
    const now = (): StoredLog => states[Math.min(Math.floor(seen++ / looks), states.length - 1)] ?? new Map()
    const key = parseVerifierKey(vkeyOf(whole))
    return {
      ...{ origin: key.name, keys: [key], verifier: nodeVerifier, anchors: [] },
      files: { read: async (path: string) => now().get(path) },
      async *tileFiles() {
        for (const path of now().keys()) if (path.startsWith('tile/')) yield path
      },
      segments: async () => storedSegments(now()),
      looks: () => seen,
    }
  }
  /** The partial files of a size stay for a minute when the next is published. */
  const withSpares = (log: StoredLog): StoredLog =>
    new Map([...[...older].filter(([path]) => path.includes('.p/')), ...log])

  it('is accepted, wherever the writer comes in between', async () => {
    const states = [older, withSpares(whole), withSpares(unpublished)]
    const looksNeeded = growing([older], 1)
    expect(await verifyLog(looksNeeded)).toMatchObject({ ok: true, size: 300 })
    const sizes = new Set<number>()
    for (let looks = 1; looks <= looksNeeded.looks(); looks++) {
      const verdict = await verifyLog(growing(states, looks))
      expect([looks, codes(verdict)]).toEqual([looks, ['ok']])
      if (verdict.ok) sizes.add(verdict.size)
    }
    // The writer came before the journal was looked at, and after.
    expect([...sizes].sort()).toEqual([300, SIZE + 50])
  })

  it('is accepted when a journal file went that was just listed, and not when it cannot be read at all', async () => {
    const unreadable = async () => Promise.reject(new Error('ENOENT'))
    const listed = (failures: number) => {
      const log = growing([whole], 1)
      const segments = async () =>
        failures-- > 0 ? storedSegments(whole).map((s) => ({ ...s, read: unreadable })) : log.segments()
      return { ...log, segments }
    }
    expect(await verifyLog(listed(3))).toMatchObject({ ok: true, size: SIZE })
    await expect(verifyLog(listed(4))).rejects.toThrow('ENOENT')
  })

  it('is refused for a file beyond what its writer committed', async () => {
    const other = copy(whole)
    other.set('tile/entries/002', bytesOf(whole, 'tile/entries/001'))
    const states = [older, withSpares(other)]
    expect(codes(await verifyLog(growing(states, 1)))).toContain('FILE_UNEXPECTED')
  })
})

describe('a change without the log key is found:', () => {
  const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
  const edit = (path: string, at: number) => (log: StoredLog) => void log.set(path, flip(bytesOf(log, path), at))
  const withEntries = (change: (entries: Uint8Array[]) => Uint8Array[]) => (log: StoredLog) =>
    rebuild(log, change(entriesOf(log)))
  const bundle = (change: (entries: Uint8Array[]) => readonly Uint8Array[]) => (log: StoredLog) =>
    void log.set(
      'tile/entries/001',
      encodeBundle(change([...(decodeBundle(bytesOf(log, 'tile/entries/001'), 256) ?? [])])),
    )
  const swap = (entries: Uint8Array[]): Uint8Array[] => {
    const [a, b, ...rest] = entries as [Uint8Array, Uint8Array, ...Uint8Array[]]
    return [b, a, ...rest]
  }

  it.each<[string, (log: StoredLog) => void, object]>([
    [
      'an entry in a bundle',
      edit('tile/entries/001', 300),
      { code: 'FILE_DAMAGED', file: 'tile/entries/001', index: 260 },
    ],
    [
      'the outcome in a record',
      bundle((entries) =>
        entries.map((entry, i) =>
          i === 7 ? utf8(new TextDecoder().decode(entry).replace('SUCCESS', 'FAILURE')) : entry,
        ),
      ),
      { code: 'FILE_DAMAGED', file: 'tile/entries/001', index: 263 },
    ],
    ['two entries of a bundle swapped', bundle(swap), { code: 'FILE_DAMAGED', file: 'tile/entries/001', index: 256 }],
    [
      'an entry removed from a bundle',
      bundle((entries) => entries.slice(1)),
      { code: 'FILE_DAMAGED', file: 'tile/entries/001', index: 256 },
    ],
    [
      'an entry twice in a bundle',
      bundle(([first, , ...rest]) => [first, first, ...rest] as Uint8Array[]),
      { code: 'FILE_DAMAGED', index: 257 },
    ],
    [
      'a byte more in a bundle',
      (log) => void log.set('tile/entries/001', Uint8Array.of(...bytesOf(log, 'tile/entries/001'), 0)),
      { code: 'FILE_DAMAGED', file: 'tile/entries/001' },
    ],
    [
      'an entry in the last bundle',
      edit('tile/entries/002.p/88', 20),
      { code: 'FILE_DAMAGED', file: 'tile/entries/002.p/88', index: 512 },
    ],
    ['a hash in a full tile', edit('tile/0/001', 32 * 5), { code: 'FILE_DAMAGED', file: 'tile/0/001', index: 261 }],
    [
      'a hash in the last tile',
      edit('tile/0/002.p/88', 32 * 5),
      { code: 'FILE_DAMAGED', file: 'tile/0/002.p/88', index: 517 },
    ],
    [
      'a hash in a tile above',
      edit('tile/1/000.p/2', 32),
      { code: 'FILE_DAMAGED', file: 'tile/1/000.p/2', index: 256 },
    ],
    [
      'a tile cut short',
      (log) => void log.set('tile/0/001', bytesOf(log, 'tile/0/001').slice(0, -32)),
      { code: 'FILE_DAMAGED', file: 'tile/0/001' },
    ],
    [
      'a bundle deleted',
      (log) => void log.delete('tile/entries/000'),
      { code: 'FILE_MISSING', file: 'tile/entries/000', index: 0 },
    ],
    [
      'the last bundle deleted',
      (log) => void log.delete('tile/entries/002.p/88'),
      { code: 'FILE_MISSING', file: 'tile/entries/002.p/88', index: 512 },
    ],
    [
      'a tile deleted',
      (log) => void log.delete('tile/0/001'),
      { code: 'FILE_MISSING', file: 'tile/0/001', index: 256 },
    ],
    [
      'the tile above deleted',
      (log) => void log.delete('tile/1/000.p/2'),
      { code: 'FILE_MISSING', file: 'tile/1/000.p/2', index: 0 },
    ],
    [
      'tile and bundle deleted',
      (log) => void ['tile/0/001', 'tile/entries/001'].map((path) => log.delete(path)),
      { code: 'FILE_MISSING', file: 'tile/entries/001' },
    ],
    [
      'an older partial bundle changed',
      (log) => void log.set('tile/entries/001.p/44', flip(bytesOf(older, 'tile/entries/001.p/44'), 9)),
      { code: 'FILE_DAMAGED', file: 'tile/entries/001.p/44' },
    ],
    [
      'an older partial tile changed',
      (log) => void log.set('tile/0/001.p/44', flip(bytesOf(older, 'tile/0/001.p/44'), 9)),
      { code: 'FILE_DAMAGED', file: 'tile/0/001.p/44' },
    ],
    [
      'a tile beyond the size',
      (log) => void log.set('tile/0/003', bytesOf(log, 'tile/0/001')),
      { code: 'FILE_UNEXPECTED', file: 'tile/0/003' },
    ],
    [
      'a file of another name',
      (log) => void log.set('tile/notes', utf8('x')),
      { code: 'FILE_UNEXPECTED', file: 'tile/notes' },
    ],
    [
      'an entry edited and all tiles rebuilt',
      withEntries((entries) => entries.with(3, utf8('{"forged":1}'))),
      { code: 'FILE_DAMAGED', file: 'checkpoint' },
    ],
    [
      'an entry removed and all tiles rebuilt',
      withEntries((entries) => entries.toSpliced(3, 1)),
      { code: 'FILE_MISSING' },
    ],
    ['entries swapped and all tiles rebuilt', withEntries(swap), { code: 'FILE_DAMAGED', file: 'checkpoint' }],
    [
      'the last entries cut off, the checkpoint left',
      withEntries((entries) => entries.slice(0, 500)),
      { code: 'FILE_MISSING' },
    ],
    [
      'an older genuine checkpoint put back',
      (log) => void log.set('checkpoint', bytesOf(older, 'checkpoint')),
      { code: 'FILE_UNEXPECTED' },
    ],
    ['the checkpoint deleted', (log) => void log.delete('checkpoint'), { code: 'FILE_MISSING', file: 'checkpoint' }],
    [
      'the size in the checkpoint',
      (log) =>
        void log.set(
          'checkpoint',
          utf8(new TextDecoder().decode(bytesOf(log, 'checkpoint')).replace('\n600\n', '\n601\n')),
        ),
      { code: 'NOTE_SIGNATURE_INVALID', file: 'checkpoint' },
    ],
    [
      'a checkpoint that is no note',
      (log) => void log.set('checkpoint', utf8('x')),
      { code: 'NOTE_MALFORMED', file: 'checkpoint' },
    ],
    [
      'a journal byte',
      (log) => edit(journalOf(log), 40)(log),
      { code: 'JOURNAL_DAMAGED', file: 'journal/00000000000000000500.wal' },
    ],
    [
      'the newest journal file cut at a commit',
      (log) => {
        log.set(journalOf(log), utf8(''))
      },
      { code: 'JOURNAL_ROLLED_BACK' },
    ],
  ])('%s', async (_, change, finding) => {
    const log = copy(whole)
    change(log)
    const verdict = await verifyStored(log)
    expect(verdict.ok).toBe(false)
    expect(verdict.ok || verdict.findings).toContainEqual(expect.objectContaining(finding))
  })

  it('blames exactly the file that was changed', async () => {
    for (const path of [
      'tile/entries/000',
      'tile/entries/001',
      'tile/entries/002.p/88',
      'tile/0/000',
      'tile/0/001',
      'tile/0/002.p/88',
      'tile/1/000.p/2',
    ]) {
      const log = copy(whole)
      log.set(path, flip(bytesOf(log, path), 40))
      const verdict = await verifyStored(log)
      expect([path, verdict.ok || [...new Set(verdict.findings.map(({ file }) => file))]]).toEqual([path, [path]])
    }
  })

  it('another key in log.json, when the auditor brings the right one', async () => {
    const log = copy(whole)
    const vkey = vkeyOf(log)
    const { origin } = JSON.parse(new TextDecoder().decode(bytesOf(log, 'log.json')))
    const thief = createLogSigner('66'.repeat(32))
    const key = createVerifierKey(origin, thief.publicKey)
    const entries = entriesOf(log).with(3, utf8('{"forged":1}'))
    rebuild(log, entries)
    const root = Buffer.from(rootOf(entries.map(leafHash))).toString('base64')
    log.set('checkpoint', signNote(`${origin}\n${SIZE}\n${root}\n`, key, thief))
    for (const path of [...log.keys()]) if (path.startsWith('journal/')) log.delete(path)
    expect(codes(await verifyStored(log))).toEqual(['NOTE_UNSIGNED'])
    log.set('log.json', utf8(JSON.stringify({ origin, vkey: formatVerifierKey(key) })))
    // Consistent in itself: only a key from elsewhere tells.
    expect(codes(await verifyStored(log))).toEqual(['ok'])
    expect(codes(await verifyStored(log, { vkeys: [vkey] }))).toEqual(['NOTE_UNSIGNED'])
  })

  it('an entry that is no record', async () => {
    const place = createEvidencePlace()
    const { log } = await openAt(place)
    for (const entry of ['{"ok":1}', 'text', '[1]', '{"half":', '1']) await log.append(utf8(entry))
    await log.append(Uint8Array.of(0x7b, 0xff, 0x7d))
    await log.close()
    const verdict = await verifyStored(readStoredLog(place.directory))
    expect(verdict.ok || verdict.findings.map(({ code, index }) => [code, index])).toEqual(
      [1, 2, 3, 4, 5].map((index) => ['ENTRY_NOT_A_RECORD', index]),
    )
  })
})

describe('a checkpoint kept elsewhere', () => {
  const anchor = (log: StoredLog) => ({ name: 'anchor', checkpoint: headOf(log) })

  it('is extended by the log that it is of', async () => {
    expect(await verifyStored(whole, { anchors: [anchor(older), anchor(whole)] })).toMatchObject({ ok: true })
    expect(await verifyStored(unpublished, { anchors: [anchor(whole)] })).toMatchObject({ ok: true })
  })

  it('tells that the whole folder was replaced by an older copy', async () => {
    expect(codes(await verifyStored(older))).toEqual(['ok'])
    expect(codes(await verifyStored(older, { anchors: [anchor(whole)] }))).toEqual(['JOURNAL_ROLLED_BACK'])
    const files = new Map([...older].filter(([path]) => !path.startsWith('journal/')))
    expect(codes(await verifyStored(files, { anchors: [anchor(whole)] }))).toEqual(['ANCHOR_CONTRADICTED'])
  })

  it('tells that the owner of the key rewrote the log', async () => {
    const place = createEvidencePlace()
    const first = await openAt(place)
    for (let i = 0; i < 3; i++) await first.log.append(leafOf(i))
    await first.log.close()
    const log = readStoredLog(place.directory)
    const { root } = headOf(log)
    for (const [checkpoint, expected] of [
      [{ ...headOf(log), root: root.map((byte) => byte ^ 1) }, ['ANCHOR_CONTRADICTED']],
      [{ ...headOf(log), size: 2 }, ['ANCHOR_CONTRADICTED']],
      [{ ...headOf(log), size: 0 }, ['ANCHOR_CONTRADICTED']],
      [{ ...headOf(log), size: 0, root: rootOf([]) }, ['ok']],
    ] as const)
      expect(codes(await verifyStored(log, { anchors: [{ name: 'anchor', checkpoint }] }))).toEqual(expected)
  })

  it('beyond what is published is held against the journal', async () => {
    const place = createEvidencePlace()
    const { log } = await openAt(place, { timer: createManualTimer() })
    for (let i = 0; i < 3; i++) await log.append(leafOf(i))
    const stored = readStoredLog(place.directory)
    const key = parseVerifierKey(log.vkey)
    const checkpoint = openCheckpoint(log.checkpoint ?? utf8(''), log.origin, [key], nodeVerifier)
    await log.close()
    expect(codes(await verifyStored(stored, { anchors: [{ name: 'a', checkpoint }] }))).toEqual(['ok'])
    const other = { ...checkpoint, root: checkpoint.root.map((byte) => byte ^ 1) }
    expect(codes(await verifyStored(stored, { anchors: [{ name: 'a', checkpoint: other }] }))).toEqual([
      'JOURNAL_ROLLED_BACK',
    ])
  })
})

describe('an interrupted publication', () => {
  it('leaves full files that are those of the journal, or it is found', async () => {
    const place = createEvidencePlace()
    const { log } = await openAt(place, { timer: createManualTimer() })
    await Promise.all(Array.from({ length: 300 }, (_, i) => log.append(leafOf(i))))
    const stored = readStoredLog(place.directory)
    await log.close()
    const done = readStoredLog(place.directory)
    stored.set('tile/entries/000', bytesOf(done, 'tile/entries/000'))
    expect(codes(await verifyStored(stored))).toEqual(['ok'])
    stored.set('tile/entries/000', bytesOf(whole, 'tile/0/000'))
    expect(codes(await verifyStored(stored))).toEqual(['FILE_DAMAGED'])
  })
})

describe('bundles that retention removed', () => {
  async function prunedLog(minimum: number): Promise<StoredLog> {
    const place = createEvidencePlace()
    const { log } = await openAt(place)
    await Promise.all(Array.from({ length: 800 }, (_, i) => log.append(leafOf(i))))
    await log.append(encodePrunedRecord(minimum, Date.UTC(2026, 0)))
    await log.close()
    return readStoredLog(place.directory)
  }

  it('may be missing below the minimum that a record names, and not above', async () => {
    const log = await prunedLog(600)
    log.delete('tile/entries/000')
    log.delete('tile/entries/001')
    expect(await verifyStored(log)).toMatchObject({ ok: true, size: 801, firstKept: 512 })
    log.delete('tile/entries/002')
    expect(codes(await verifyStored(log))).toEqual(['FILE_MISSING'])
  })

  it('may not be missing when no record says so', async () => {
    const log = await prunedLog(0)
    log.delete('tile/entries/000')
    expect(codes(await verifyStored(log))).toEqual(['FILE_MISSING'])
  })

  it('leave tiles that must be whole: they are held against the tile above', async () => {
    const log = await prunedLog(512)
    log.delete('tile/entries/000')
    for (const change of [
      () =>
        log.set(
          'tile/0/000',
          bytesOf(log, 'tile/0/000').map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
        ),
      () => log.delete('tile/0/000'),
    ]) {
      change()
      const verdict = await verifyStored(log)
      expect(verdict.ok || verdict.findings.map(({ file }) => file)).toEqual(['tile/0/000'])
    }
  })
})

describe('any byte', () => {
  it('of checkpoint, tiles, bundles and journal that is flipped is found', { timeout: 60_000 }, async () => {
    const paths = [...older.keys()].filter((path) => path !== 'log.json')
    const total = paths.reduce((sum, path) => sum + bytesOf(older, path).length, 0)
    const place = fc.record({ at: fc.nat(total - 1), bit: fc.nat(7) })
    await fc.assert(
      fc.asyncProperty(place, async ({ at, bit }) => {
        const log = new Map(older)
        let offset = at
        for (const path of paths) {
          const bytes = bytesOf(older, path)
          if (offset < bytes.length) {
            log.set(
              path,
              bytes.map((byte, i) => (i === offset ? byte ^ (1 << bit) : byte)),
            )
            break
          }
          offset -= bytes.length
        }
        const verdict = await verifyStored(log)
        expect(verdict.ok).toBe(false)
        expect(verdict.ok || verdict.findings.every(({ file }) => file !== '')).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
