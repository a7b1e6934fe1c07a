import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openEvidenceReader } from '../../../../core/src/setup/evidence/open-evidence-reader.ts'
import { verifyEvidenceLog } from '../../../../core/src/setup/evidence/verify-evidence-log.ts'
import { nodeVerifier } from '../../../fakes/log-signer.ts'
import { createManualTimer } from '../../../fakes/manual-timer.ts'
import { advanceUntil } from '../../../tools/advance-until.ts'
import { checkLog } from '../../../tools/check-log.ts'
import {
  createEvidencePlace,
  createEvidenceTelemetry,
  type EvidencePlace,
  openAt,
  removeEvidencePlaces,
  snapshot,
} from '../../../tools/evidence-place.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

afterAll(removeEvidencePlaces)

const leafOf = (i: number) => new TextEncoder().encode(`{"entry":${i}}`)
const LIMITS = { batchEntries: 50, batchBytes: 1e6, waitingEntries: 4096, segmentBytes: 4_000 }

/** 600 published entries in several generations of journal files, of which the last are left. */
let template: EvidencePlace
let place: EvidencePlace

async function append(at: EvidencePlace, from: number, to: number, options: Parameters<typeof openAt>[1] = {}) {
  const opened = await openAt(at, { limits: LIMITS, ...options })
  await Promise.all(Array.from({ length: to - from }, (_, i) => opened.log.append(leafOf(from + i))))
  return opened
}

beforeAll(async () => {
  template = createEvidencePlace()
  for (const [from, to] of [
    [0, 300],
    [300, 600],
  ] as const)
    await (await append(template, from, to)).log.close()
})

beforeEach(() => {
  place = createEvidencePlace()
  for (const folder of ['log', 'state'])
    cpSync(join(template.folder, folder), join(place.folder, folder), { recursive: true })
  // The state folder remembers where the log is.
  const whereabouts = join(place.stateDir, 'log-directories')
  for (const name of readdirSync(whereabouts)) {
    const path = join(whereabouts, name)
    writeFileSync(path, readFileSync(path, 'utf8').replace(template.directory, place.directory))
  }
})

const inLog = (path: string) => join(place.directory, path)
const journals = () => readdirSync(inLog('journal')).sort()
const removeJournal = () => rmSync(inLog('journal'), { recursive: true })
const flip = (path: string, at: number) => {
  const bytes = readFileSync(inLog(path))
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(inLog(path), bytes)
}
async function refusal(options: Parameters<typeof openAt>[1] = {}): Promise<unknown> {
  const before = snapshot(place.folder)
  const outcome = await rejectionOf(openAt(place, options))
  expect(snapshot(place.folder)).toEqual(before)
  return outcome
}

describe('a log whose older journal files are gone', () => {
  it('opens with everything, goes on, and is whole', async () => {
    expect(Number(journals()[0]?.slice(0, 20))).toBeGreaterThan(256)
    const opened = await append(place, 600, 700)
    expect(opened.log.size).toBe(700)
    await opened.log.close()
    expect(checkLog(place.directory).entries).toEqual(Array.from({ length: 700 }, (_, i) => leafOf(i)))
  })

  it('opens with a newest journal file that is empty, as a crash leaves it', async () => {
    for (const name of journals()) rmSync(inLog(`journal/${name}`))
    writeFileSync(inLog('journal/00000000000000000600.wal'), '', { mode: 0o600 })
    const { log } = await append(place, 600, 601)
    expect(log.size).toBe(601)
    await log.close()
    expect(checkLog(place.directory)).toMatchObject({ commits: [601], publishedSize: 601 })
  })

  it('puts a torn tail to quarantine', async () => {
    appendFileSync(inLog(`journal/${journals().at(-1)}`), 'torn')
    const opened = await openAt(place)
    expect([opened.quarantinedBytes, opened.log.size]).toEqual([4, 600])
    await opened.log.close()
  })
})

describe('a log that was written and not published', () => {
  it('is published by the next start, byte for byte from its commits', async () => {
    const { log } = await append(place, 600, 650, { timer: createManualTimer() })
    const { checkpoint } = log
    const crashed = createEvidencePlace()
    cpSync(place.directory, crashed.directory, { recursive: true })
    await log.close()
    rmSync(place.directory, { recursive: true })
    cpSync(crashed.directory, place.directory, { recursive: true })
    expect(checkLog(place.directory).publishedSize).toBe(600)
    const telemetry = createEvidenceTelemetry()
    const again = await openAt(place, { telemetry })
    expect(telemetry.seen.published).toEqual([650])
    expect(readFileSync(inLog('checkpoint'))).toEqual(Buffer.from(checkpoint ?? []))
    await again.log.close()
    expect(checkLog(place.directory).publishedSize).toBe(650)
  })

  it('opens and is published when it has a journal and no tiles at all', async () => {
    const old = createEvidencePlace()
    const { log } = await append(old, 0, 300, { timer: createManualTimer(), limits: { ...LIMITS, segmentBytes: 1e6 } })
    await log.close()
    rmSync(join(old.directory, 'tile'), { recursive: true })
    rmSync(join(old.directory, 'checkpoint'))
    const again = await openAt(old)
    expect(again.log.size).toBe(300)
    await again.log.close()
    expect(checkLog(old.directory)).toMatchObject({ publishedSize: 300, spareFiles: [] })
  })
})

describe('a start is refused with file and index, and no file is changed,', () => {
  it.each<[string, () => void, string, object]>([
    [
      'when the last bundle is missing',
      () => rmSync(inLog('tile/entries/002.p/88')),
      'FILE_MISSING',
      { file: 'tile/entries/002.p/88', index: 512 },
    ],
    [
      'when the last tile is missing',
      () => rmSync(inLog('tile/0/002.p/88')),
      'FILE_MISSING',
      { file: 'tile/0/002.p/88', index: 512 },
    ],
    [
      'when the tile above is missing',
      () => rmSync(inLog('tile/1/000.p/2')),
      'FILE_MISSING',
      { file: 'tile/1/000.p/2', index: 0 },
    ],
    [
      'when the last bundle was changed',
      () => flip('tile/entries/002.p/88', 12),
      'FILE_DAMAGED',
      { file: 'tile/entries/002.p/88', index: 512 },
    ],
    [
      'when the last bundle was cut',
      () => writeFileSync(inLog('tile/entries/002.p/88'), 'x'),
      'FILE_DAMAGED',
      { file: 'tile/entries/002.p/88' },
    ],
    [
      'when the last tile was changed',
      () => flip('tile/0/002.p/88', 40),
      'FILE_DAMAGED',
      { file: 'checkpoint', index: 599 },
    ],
    [
      'when the last tile was cut',
      () => writeFileSync(inLog('tile/0/002.p/88'), 'x'),
      'FILE_DAMAGED',
      { file: 'tile/0/002.p/88' },
    ],
    ['when the tile above was changed', () => flip('tile/1/000.p/2', 40), 'FILE_DAMAGED', { file: 'checkpoint' }],
    ['when the checkpoint was changed', () => flip('checkpoint', 50), 'NOTE_SIGNATURE_INVALID', { file: 'checkpoint' }],
    [
      'when a tile before the journal was changed',
      () => flip('tile/0/001', 12),
      'FILE_DAMAGED',
      { file: 'tile/0/001' },
    ],
    ['when the checkpoint is missing', () => rmSync(inLog('checkpoint')), 'JOURNAL_ORDER', { index: 0 }],
    ['when all journal files are gone', () => removeJournal(), 'JOURNAL_ROLLED_BACK', {}],
    [
      'when the newest journal file is gone',
      () => rmSync(inLog(`journal/${journals().at(-1)}`)),
      'JOURNAL_ROLLED_BACK',
      {},
    ],
    [
      'when a journal byte below the published size was changed',
      () => flip(`journal/${journals()[0]}`, 60),
      'JOURNAL_DAMAGED',
      {},
    ],
    [
      'when the journal begins after the published entries',
      () => {
        removeJournal()
        mkdirSync(inLog('journal'), { mode: 0o700 })
        writeFileSync(inLog('journal/00000000000000000601.wal'), '')
      },
      'JOURNAL_ORDER',
      { file: 'journal/00000000000000000601.wal', index: 600 },
    ],
  ])('%s', async (_, spoil, code, where) => {
    spoil()
    expect(await refusal()).toBe(`EvidenceRefused ${code}`)
    await expect(openAt(place)).rejects.toMatchObject(where)
  })

  it('when a full file beyond the published size is not what the journal implies', async () => {
    const { log } = await append(place, 600, 800, { timer: createManualTimer() })
    const crashed = createEvidencePlace()
    cpSync(place.directory, crashed.directory, { recursive: true })
    await log.close()
    const good = readFileSync(inLog('tile/entries/002'))
    rmSync(place.directory, { recursive: true })
    cpSync(crashed.directory, place.directory, { recursive: true })
    writeFileSync(inLog('tile/entries/002'), 'x')
    expect(await refusal()).toBe('EvidenceRefused FILE_DAMAGED')
    await expect(openAt(place)).rejects.toMatchObject({ file: 'tile/entries/002', index: 512 })
    writeFileSync(inLog('tile/entries/002'), good)
    const again = await openAt(place)
    expect(again.log.size).toBe(800)
    await again.log.close()
  })

  it('when only the checkpoint was put back to an older genuine one', async () => {
    const older = readFileSync(inLog('checkpoint'))
    await (await append(place, 600, 700)).log.close()
    writeFileSync(inLog('checkpoint'), older)
    // The files of 600 are still there, and the journal goes on to 700: nothing was lost.
    const { log } = await openAt(place)
    expect([log.size, checkLog(place.directory).publishedSize]).toEqual([700, 700])
    await log.close()
  })

  it('when an entry far from the end was changed, if every entry is to be verified', async () => {
    flip('tile/entries/000', 12)
    const { log } = await openAt(place)
    await log.close()
    expect(await refusal({ verifyAtStart: true })).toBe('EvidenceRefused FILE_DAMAGED')
    await expect(openAt(place, { verifyAtStart: true })).rejects.toMatchObject({ file: 'tile/entries/000', index: 0 })
    flip('tile/entries/000', 12)
    await (await openAt(place, { verifyAtStart: true })).log.close()
  })
})

describe('a checkpoint kept elsewhere', () => {
  const anchors = () => join(place.folder, 'usb')
  const anchorFile = () => join(anchors(), readdirSync(anchors())[0] ?? '')
  /** The log and what the state folder remembers of it, as they were before 100 entries more. */
  async function restoredCopy(options: Parameters<typeof openAt>[1]): Promise<void> {
    await (await openAt(place, options)).log.close()
    cpSync(place.directory, join(place.folder, 'backup'), { recursive: true })
    cpSync(place.stateDir, join(place.folder, 'state-backup'), { recursive: true })
    await (await append(place, 600, 700, options)).log.close()
    for (const [from, to] of [
      ['backup', 'log'],
      ['state-backup', 'state'],
    ] as const) {
      rmSync(join(place.folder, to), { recursive: true })
      cpSync(join(place.folder, from), join(place.folder, to), { recursive: true })
    }
  }

  it('is written after each publication, one file for each log', async () => {
    const { log } = await append(place, 600, 610, { anchorTo: anchors() })
    await log.close()
    expect(readdirSync(anchors())).toEqual([`${log.origin.slice(-16)}.checkpoint`])
    expect(readFileSync(anchorFile())).toEqual(readFileSync(inLog('checkpoint')))
  })

  it('tells that log and state were put back together, and without it nobody can', async () => {
    await restoredCopy({ anchorTo: anchors() })
    expect(await refusal({ anchorTo: anchors() })).toBe('EvidenceRefused JOURNAL_ROLLED_BACK')
    expect(await refusal({ anchorFiles: [anchorFile()] })).toBe('EvidenceRefused JOURNAL_ROLLED_BACK')
    await (await openAt(place)).log.close()
  })

  it('tells so too when the log went on to another history of the same length', async () => {
    await restoredCopy({ anchorTo: anchors() })
    const { log } = await openAt(place, { limits: LIMITS })
    for (let i = 0; i < 300; i++) await log.append(leafOf(-i))
    await log.close()
    // Published and no longer in the journal: only a proof over tiles can tell.
    expect(Number(journals()[0]?.slice(0, 20))).toBeGreaterThan(700)
    expect(await refusal({ anchorFiles: [anchorFile()] })).toBe('EvidenceRefused ANCHOR_CONTRADICTED')
    await expect(openAt(place, { anchorFiles: [anchorFile()] })).rejects.toMatchObject({ file: anchorFile() })
    const verdict = await verifyEvidenceLog({
      directory: place.directory,
      verifier: nodeVerifier,
      anchorFiles: [anchorFile()],
    })
    expect(verdict).toMatchObject({ ok: false, findings: [{ code: 'ANCHOR_CONTRADICTED', file: anchorFile() }] })
  })

  it('of every age is extended by the log that goes on', async () => {
    mkdirSync(anchors())
    for (let size = 600; size < 640; size += 10) {
      cpSync(inLog('checkpoint'), join(anchors(), String(size)))
      await (await append(place, size, size + 10)).log.close()
    }
    const anchorFiles = readdirSync(anchors()).map((name) => join(anchors(), name))
    await (await openAt(place, { anchorFiles })).log.close()
    const verdict = await verifyEvidenceLog({ directory: place.directory, verifier: nodeVerifier, anchorFiles })
    expect(verdict).toMatchObject({ ok: true, size: 640 })
  })

  it.each<[string, string | undefined, string]>([
    ['is missing', undefined, 'ANCHOR_MISSING'],
    ['is no checkpoint', 'x\n', 'NOTE_MALFORMED'],
    ['is of another log', 'other', 'NOTE_UNSIGNED'],
  ])('that %s refuses the start', async (_, content, code) => {
    const path = join(place.folder, 'anchor')
    const other = readFileSync(inLog('checkpoint'), 'utf8').replaceAll(/local\/[0-9a-f]{16}/g, 'local/0123456789abcdef')
    if (content !== undefined) writeFileSync(path, content === 'other' ? other : content)
    expect(await refusal({ anchorFiles: [path] })).toBe(`EvidenceRefused ${code}`)
  })

  it('that cannot be written is reported and stops nothing', async () => {
    writeFileSync(anchors(), 'a file where a folder belongs')
    const telemetry = createEvidenceTelemetry()
    const { log } = await openAt(place, { telemetry })
    await log.close()
    const blocked = await append(place, 600, 610, { telemetry, anchorTo: join(anchors(), 'x') }).catch(
      (error: Error) => error,
    )
    // The path cannot even be looked at: refused at start, where a person sees it.
    expect(blocked).toMatchObject({ code: 'LOG_UNWRITABLE', message: expect.stringMatching(/ENOTDIR.*usb/) })
    rmSync(anchors())
    const { log: second } = await openAt(place, { telemetry, anchorTo: anchors() })
    writeFileSync(anchors(), 'now in the way')
    await second.append(leafOf(600))
    await second.close()
    expect([telemetry.seen.faults, second.size]).toEqual([1, 601])
  })
})

describe('a reader', () => {
  const open = () => openEvidenceReader(place.directory, nodeVerifier)
  const read = async (from: number, to: number) => {
    const leaves: string[] = []
    for await (const { leaf } of (await open()).entries(from, to)) leaves.push(new TextDecoder().decode(leaf))
    return leaves
  }

  it.each<[string, () => void, () => Promise<unknown>, string]>([
    ['a bundle that was changed', () => flip('tile/entries/000', 12), () => read(0, 10), 'FILE_DAMAGED'],
    ['a bundle that is missing', () => rmSync(inLog('tile/entries/000')), () => read(0, 10), 'FILE_MISSING'],
    ['a tile that was changed', () => flip('tile/0/000', 12), () => read(0, 10), 'FILE_DAMAGED'],
    [
      'a tile that is missing',
      () => rmSync(inLog('tile/0/000')),
      async () => (await open()).inclusionProof(3, 600),
      'FILE_MISSING',
    ],
    [
      'a tile that was changed, in a proof',
      () => flip('tile/0/000', 12),
      async () => (await open()).inclusionProof(30, 600),
      'FILE_DAMAGED',
    ],
    ['the end of the log', () => flip('tile/0/002.p/88', 12), open, 'FILE_DAMAGED'],
  ])('refuses %s, and reads the rest', async (_, spoil, ask, code) => {
    spoil()
    expect(await rejectionOf(ask())).toBe(`EvidenceRefused ${code}`)
    expect(ask === open || (await read(512, 513))).toEqual(ask === open || ['{"entry":512}'])
  })

  it('refuses a folder that is no log', async () => {
    rmSync(inLog('log.json'))
    expect(await rejectionOf(open())).toBe('LogDirectoryRefused LOG_NOT_A_LOG')
    const verifying = verifyEvidenceLog({ directory: place.directory, verifier: nodeVerifier })
    expect(await rejectionOf(verifying)).toBe('LogDirectoryRefused LOG_NOT_A_LOG')
  })

  it('beside a writer sees what was committed when it was opened, and goes on while files come and go', async () => {
    const timer = createManualTimer()
    const telemetry = createEvidenceTelemetry()
    const { log, reader } = await openAt(place, { timer, telemetry, limits: LIMITS })
    const early = await open()
    for (let size = 600; size < 1400; size += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => log.append(leafOf(size + i))))
      expect(await reader.inclusionProof(size + 50, size + 100)).not.toEqual([])
      await advanceUntil(timer, 60_000, () => telemetry.seen.published.at(-1) === size + 100)
    }
    timer.advance(60_000)
    await expect.poll(() => readdirSync(inLog('tile/entries')).includes('002.p')).toBe(false)
    const all = async (from: typeof reader, to: number) => {
      let next = 0
      for await (const { index, leaf } of from.entries(0, to)) {
        expect([index, new TextDecoder().decode(leaf)]).toEqual([next, `{"entry":${next}}`])
        next++
      }
      return next
    }
    expect(await all(early, early.size)).toBe(600)
    expect(await all(reader, 1400)).toBe(1400)
    expect(await (await open()).consistencyProof(600, 1400)).toEqual(await reader.consistencyProof(600, 1400))
    await log.close()
  })

  it('goes on from a head that was published meanwhile and is gone from the journal', async () => {
    const timer = createManualTimer()
    const telemetry = createEvidenceTelemetry()
    const { log, reader } = await openAt(place, { timer, telemetry, limits: LIMITS })
    await log.append(leafOf(600))
    expect((await reader.inclusionProof(600, 601)).length).toBeGreaterThan(0)
    for (let i = 601; i < 900; i++) await log.append(leafOf(i))
    timer.advance(1000)
    await expect.poll(() => telemetry.seen.published.at(-1)).toBe(900)
    await expect.poll(() => journals().length).toBe(1)
    expect((await reader.inclusionProof(700, 900)).length).toBeGreaterThan(0)
    expect(await reader.firstKept()).toBe(0)
    await log.close()
  })
})
