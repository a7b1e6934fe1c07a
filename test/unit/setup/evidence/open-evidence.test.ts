import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { nodePublicFileCalls } from '../../../../core/src/adapters/evidence/public-file-calls.ts'
import type { OpenedEvidence } from '../../../../core/src/setup/evidence/open-evidence.ts'
import { createManualTimer } from '../../../fakes/manual-timer.ts'
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

const bytes = (text: string) => new TextEncoder().encode(text)
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const idOf = (origin: string) => origin.slice(-16)

let place: EvidencePlace
beforeEach(() => {
  place = createEvidencePlace()
})

/** Opens, stores some entries, closes. */
async function written(count = 3, options: Parameters<typeof openAt>[1] = {}): Promise<OpenedEvidence> {
  const opened = await openAt(place, options)
  for (let i = 0; i < count; i++) await opened.log.append(bytes(`{"entry":${i}}`))
  await opened.log.close()
  return opened
}
const journalFile = () => join(place.directory, 'journal', '00000000000000000000.wal')

/** The refusal's code; and that neither evidence nor state changed. */
async function refusal(options: Parameters<typeof openAt>[1] = {}): Promise<unknown> {
  const before = snapshot(place.folder)
  const outcome = await rejectionOf(openAt(place, options))
  expect(snapshot(place.folder)).toEqual(before)
  return outcome
}

describe('a first start', () => {
  it('makes a log with a fresh origin, its key outside the evidence, and everything for the owner only', async () => {
    const { log, directory } = await written()
    expect(log.origin).toMatch(/^evidence\.capiscio\.local\/[0-9a-f]{16}$/)
    expect(directory).toBe(place.directory)
    expect(json(join(directory, 'log.json'))).toEqual({
      version: 1,
      origin: log.origin,
      vkey: log.vkey,
      createdAt: '2026-01-01T00:00:00.000Z',
    })
    const keyFile = join(place.stateDir, 'log-keys', `${idOf(log.origin)}.json`)
    const { seed } = json(keyFile)
    expect(Buffer.from(seed, 'base64url').length).toBe(32)
    for (const path of readdirSync(place.directory, { recursive: true, withFileTypes: true })) {
      if (path.isFile() && path.name !== 'lock')
        expect(readFileSync(join(path.parentPath, path.name)).includes(seed)).toBe(false)
    }
    expect(Object.keys(snapshot(place.directory)).sort()).toEqual([
      'checkpoint',
      'journal',
      'journal/00000000000000000000.wal',
      'lock',
      'log.json',
      'tile',
      'tile/0',
      'tile/0/000.p',
      'tile/0/000.p/3',
      'tile/entries',
      'tile/entries/000.p',
      'tile/entries/000.p/3',
    ])
    expect(checkLog(directory).entries.map((entry) => new TextDecoder().decode(entry))).toEqual([
      '{"entry":0}',
      '{"entry":1}',
      '{"entry":2}',
    ])
  })

  it('publishes an empty log as one, and opens it again', async () => {
    for (let start = 0; start < 2; start++) {
      const { log } = await written(0)
      expect([log.size, log.checkpoint]).toEqual([0, undefined])
      expect(readdirSync(place.directory).sort()).toEqual(['checkpoint', 'journal', 'lock', 'log.json'])
      expect(checkLog(place.directory)).toMatchObject({ publishedSize: 0, entries: [] })
    }
    const { log } = await written(2)
    expect([log.size, checkLog(place.directory).publishedSize]).toEqual([2, 2])
  })

  it('makes missing parents', async () => {
    const deep = join(place.folder, 'a', 'b', 'log')
    const { log } = await openAt(place, { location: { directory: deep }, stateDir: join(place.folder, 'c', 'd') })
    await log.close()
    for (const made of ['a', 'a/b', 'a/b/log', 'c', 'c/d', 'c/d/log-keys']) {
      expect([made, (statSync(join(place.folder, made)).mode & 0o777).toString(8)]).toEqual([made, '700'])
    }
  })

  it.each<[string, () => void]>([
    ['after making the folder', () => mkdirSync(place.directory, { mode: 0o700 })],
    [
      'after making the lock',
      () => {
        mkdirSync(place.directory, { mode: 0o700 })
        writeFileSync(join(place.directory, 'lock'), '')
      },
    ],
    [
      'while writing log.json',
      () => {
        mkdirSync(place.directory, { mode: 0o700 })
        writeFileSync(join(place.directory, 'log.json.0123456789abcdef.tmp'), '{"ver')
      },
    ],
  ])('that was interrupted %s is finished by the next', async (_, interrupted) => {
    interrupted()
    const { log } = await written(1)
    expect(log.size).toBe(1)
  })
})

describe('the next start', () => {
  it('goes on with the same origin, key and entries', async () => {
    const first = await written(3)
    const second = await openAt(place)
    expect([second.log.origin, second.log.vkey, second.log.size]).toEqual([first.log.origin, first.log.vkey, 3])
    expect(await second.log.append(bytes('{}'))).toEqual({ index: 3 })
    await second.log.close()
    expect(checkLog(place.directory).commits).toEqual([1, 2, 3, 4])
  })

  it('changes no file when nothing is wrong', async () => {
    await written()
    const contents = () =>
      Object.entries(snapshot(place.folder)).map(([path, value]) => [
        path,
        value.replace(/ [0-9.]+ (?=[0-9a-f]{64}$)/, ' '),
      ])
    const before = contents()
    await (await openAt(place)).log.close()
    expect(contents()).toEqual(before)
  })

  it('stores the last batch again before it goes on, because it may never have reached the disk', async () => {
    await written()
    utimesSync(journalFile(), 1, 1)
    const { log } = await openAt(place)
    expect(statSync(journalFile()).mtimeMs).toBeGreaterThan(1000)
    await log.close()
    expect(checkLog(place.directory).commits).toEqual([1, 2, 3])
  })

  it('puts a torn tail to quarantine and reports it', async () => {
    await written()
    const size = statSync(journalFile()).size
    appendFileSync(journalFile(), 'torn')
    const telemetry = createEvidenceTelemetry()
    const opened = await openAt(place, { telemetry })
    expect(opened.quarantinedBytes).toBe(4)
    expect(telemetry.seen.quarantined).toEqual([{ segment: 'journal/00000000000000000000.wal', bytes: 4 }])
    expect(readFileSync(join(place.directory, 'quarantine', `00000000000000000000.wal.${size}.0`), 'utf8')).toBe('torn')
    await opened.log.append(bytes('{"after":1}'))
    await opened.log.close()
    expect(checkLog(place.directory)).toMatchObject({ tailBytes: 0, commits: [1, 2, 3, 4] })
  })

  it('goes on where the folder was moved to, and no longer knows the old place', async () => {
    const { log } = await written()
    const moved = join(place.folder, 'moved')
    renameSync(place.directory, moved)
    const opened = await openAt(place, { location: { directory: moved } })
    expect([opened.log.origin, opened.log.size]).toEqual([log.origin, 3])
    await opened.log.close()
    const fresh = await openAt(place)
    expect(fresh.log.origin).not.toBe(log.origin)
    await fresh.log.close()
  })

  it('finds the same log through a symbolic link', async () => {
    const { log } = await written()
    symlinkSync(place.directory, join(place.folder, 'link'))
    const opened = await openAt(place, { location: { directory: join(place.folder, 'link') } })
    expect([opened.log.origin, opened.directory]).toEqual([log.origin, place.directory])
    await opened.log.close()
  })
})

describe('a log that is being written', () => {
  it('is refused to a second opener of this process at once, and nothing changes', async () => {
    const first = await openAt(place)
    await first.log.append(bytes('{}'))
    const started = performance.now()
    expect(await refusal()).toBe('LogDirectoryRefused LOG_LOCKED')
    expect(performance.now() - started).toBeLessThan(1000)
    // The lock still holds after the refused attempt.
    expect(await refusal()).toBe('LogDirectoryRefused LOG_LOCKED')
    await first.log.append(bytes('{}'))
    await first.log.close()
    await (await openAt(place)).log.close()
  })

  it('is free again after a start that was refused', async () => {
    await written()
    const good = readFileSync(journalFile())
    writeFileSync(journalFile(), Buffer.from(good.map((byte, i) => (i === 20 ? byte ^ 1 : byte))))
    expect(await refusal()).toBe('EvidenceRefused JOURNAL_DAMAGED')
    writeFileSync(journalFile(), good)
    await (await openAt(place)).log.close()
  })
})

describe('a root', () => {
  const root = () => ({ location: { root: place.root } })

  it('gives each writer a log of its own, and the next one the first that is free', async () => {
    const logs = [await openAt(place, root()), await openAt(place, root()), await openAt(place, root())]
    expect(new Set(logs.map(({ log }) => log.origin)).size).toBe(3)
    for (const { log, directory } of logs) {
      expect(directory).toBe(join(place.root, 'logs', idOf(log.origin)))
      await log.append(bytes('{}'))
    }
    for (const { log } of logs) await log.close()
    const [first] = readdirSync(join(place.root, 'logs')).sort()
    const next = await openAt(place, root())
    expect([basename(next.directory), next.log.size]).toEqual([first, 1])
    await next.log.close()
    expect(readdirSync(join(place.root, 'logs')).length).toBe(3)
  })

  it('leaves other files alone', async () => {
    mkdirSync(join(place.root, 'logs', 'notes'), { recursive: true, mode: 0o700 })
    const { log } = await openAt(place, root())
    await log.close()
    expect(readdirSync(join(place.root, 'logs')).length).toBe(2)
  })

  it('finishes a log whose first start was interrupted, with the key that was kept', async () => {
    const first = await openAt(place, root())
    await first.log.close()
    rmSync(join(first.directory, 'log.json'))
    rmSync(join(first.directory, 'checkpoint'))
    rmSync(join(place.stateDir, 'log-directories'), { recursive: true })
    const second = await openAt(place, root())
    expect(second.log.vkey).toBe(first.log.vkey)
    await second.log.close()
  })

  it('refuses a copied or renamed log, and a damaged one, instead of passing them by', async () => {
    const { directory } = await written(3, root())
    renameSync(directory, join(place.root, 'logs', '0000000000000000'))
    expect(await refusal(root())).toBe('LogDirectoryRefused LOG_COPIED')
    renameSync(join(place.root, 'logs', '0000000000000000'), directory)
    writeFileSync(join(directory, 'log.json'), '{')
    expect(await refusal(root())).toBe('LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED')
  })

  it('never starts a second history under the origin of an emptied log', async () => {
    const { directory } = await written(3, root())
    for (const file of readdirSync(directory)) if (file !== 'lock') rmSync(join(directory, file), { recursive: true })
    expect(await refusal(root())).toBe('LogDirectoryRefused LOG_EMPTIED')
    expect(await refusal({ ...root(), startEmpty: true })).toBe('LogDirectoryRefused LOG_EMPTIED')
    rmSync(directory, { recursive: true })
    const fresh = await openAt(place, root())
    expect(fresh.directory).not.toBe(directory)
    await fresh.log.close()
  })
})

describe('a start is refused, and no file is changed,', () => {
  const logJson = () => join(place.directory, 'log.json')
  const keyFile = () => join(place.stateDir, 'log-keys', readdirSync(join(place.stateDir, 'log-keys'))[0] ?? '')
  const edit = (path: string, change: Record<string, unknown>) =>
    writeFileSync(path, JSON.stringify({ ...json(path), ...change }))

  it.each<[string, () => void, string]>([
    ['when the key is missing', () => rmSync(keyFile()), 'LogDirectoryRefused LOG_KEY_MISSING'],
    ['when the key is cut short', () => edit(keyFile(), { seed: 'AAAA' }), 'LogDirectoryRefused LOG_KEY_MALFORMED'],
    [
      'when the key is of another log',
      () => edit(keyFile(), { origin: 'evidence.capiscio.local/0000000000000000' }),
      'LogDirectoryRefused LOG_KEY_MALFORMED',
    ],
    ['when the key file is no JSON', () => writeFileSync(keyFile(), 'x'), 'LogDirectoryRefused LOG_KEY_MALFORMED'],
    ['when others may read the key', () => chmodSync(keyFile(), 0o640), 'LogDirectoryRefused LOG_WRONG_MODE'],
    [
      'when the key is not the one that log.json names',
      () => edit(keyFile(), { seed: Buffer.alloc(32, 7).toString('base64url') }),
      'EvidenceRefused LOG_KEY_MISMATCH',
    ],
    [
      'when log.json names another key',
      () => edit(logJson(), { vkey: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k' }),
      'EvidenceRefused LOG_KEY_MISMATCH',
    ],
    ['when log.json has no verifier key', () => edit(logJson(), { vkey: 'x' }), 'EvidenceRefused LOG_KEY_MISMATCH'],
    ['when the log has a newer format', () => edit(logJson(), { version: 2 }), 'LogDirectoryRefused LOG_FORMAT_NEWER'],
    ['when the key has a newer format', () => edit(keyFile(), { version: 2 }), 'LogDirectoryRefused LOG_FORMAT_NEWER'],
    [
      'when log.json has no version',
      () => edit(logJson(), { version: undefined }),
      'LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED',
    ],
    [
      'when log.json has a foreign origin',
      () => edit(logJson(), { origin: 'evidence.example/0123456789abcdef' }),
      'LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED',
    ],
    ['when log.json is an array', () => writeFileSync(logJson(), '[]'), 'LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED'],
    [
      'when log.json is missing beside a journal',
      () => rmSync(logJson()),
      'LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED',
    ],
    [
      'when the journal folder is read-only to its owner',
      () => chmodSync(place.directory, 0o500),
      'LogDirectoryRefused LOG_UNWRITABLE',
    ],
    ['when others may write the log', () => chmodSync(place.directory, 0o770), 'LogDirectoryRefused LOG_WRONG_MODE'],
    [
      'when others may write the journal',
      () => chmodSync(join(place.directory, 'journal'), 0o770),
      'LogDirectoryRefused LOG_WRONG_MODE',
    ],
    [
      'when others may write tiles',
      () => chmodSync(join(place.directory, 'tile'), 0o702),
      'LogDirectoryRefused LOG_WRONG_MODE',
    ],
    [
      'when the lock file is something else',
      () => writeFileSync(join(place.directory, 'lock'), 'a text of more than a hundred bytes '.repeat(4)),
      'LogDirectoryRefused LOG_UNWRITABLE',
    ],
    [
      'when the lock file is a folder',
      () => {
        rmSync(join(place.directory, 'lock'))
        mkdirSync(join(place.directory, 'lock'))
      },
      'LogDirectoryRefused LOG_UNWRITABLE',
    ],
    ['when others may write the state', () => chmodSync(place.stateDir, 0o702), 'LogDirectoryRefused LOG_WRONG_MODE'],
    [
      'when the log is a file',
      () => {
        rmSync(place.directory, { recursive: true })
        writeFileSync(place.directory, '')
      },
      'LogDirectoryRefused LOG_UNWRITABLE',
    ],
    [
      'when the log folder is gone',
      () => rmSync(place.directory, { recursive: true }),
      'LogDirectoryRefused LOG_EMPTIED',
    ],
    [
      'when the log folder is empty',
      () => {
        rmSync(place.directory, { recursive: true })
        mkdirSync(place.directory, { mode: 0o700 })
      },
      'LogDirectoryRefused LOG_EMPTIED',
    ],
    [
      'when an older public checkpoint is forged',
      () => writeFileSync(join(place.directory, 'checkpoint'), 'x\n'),
      'EvidenceRefused NOTE_MALFORMED',
    ],
  ])('%s', async (_, spoil, code) => {
    await written()
    spoil()
    expect(await refusal()).toBe(code)
  })

  it('when a published checkpoint covers more entries than the journal holds', async () => {
    await written(5)
    const journal = readFileSync(journalFile())
    const notes = journal.toString('latin1').split('evidence.capiscio.local/')
    expect(notes.length).toBeGreaterThan(5)
    const start = journal.lastIndexOf(json(logJson()).origin.concat('\n5\n'))
    writeFileSync(join(place.directory, 'checkpoint'), journal.subarray(start))
    await (await openAt(place)).log.close()
    writeFileSync(
      journalFile(),
      journal.subarray(0, journal.indexOf(`${json(logJson()).origin}\n5\n`) - 20 - 9 - 8 - 9),
    )
    expect(await refusal()).toBe('EvidenceRefused JOURNAL_ROLLED_BACK')
  })

  it('when the folder holds something that is no log', async () => {
    mkdirSync(place.directory, { mode: 0o700 })
    writeFileSync(join(place.directory, 'thesis.txt'), '')
    expect(await refusal()).toBe('LogDirectoryRefused LOG_NOT_A_LOG')
  })

  it('when the folder holds another log than before', async () => {
    await written()
    renameSync(place.directory, join(place.folder, 'first'))
    const other = { ...place, directory: join(place.folder, 'other') }
    await (await openAt(other)).log.close()
    renameSync(other.directory, place.directory)
    expect(await refusal()).toBe('LogDirectoryRefused LOG_REPLACED')
  })

  it('when the log was copied and the original is still there', async () => {
    await written()
    cpSync(place.directory, join(place.folder, 'copy'), { recursive: true })
    chmodSync(join(place.folder, 'copy'), 0o700)
    expect(await refusal({ location: { directory: join(place.folder, 'copy') } })).toBe(
      'LogDirectoryRefused LOG_COPIED',
    )
  })

  it.each(['log', 'log/state', 'log/../log'])('when the state would lie in the evidence: %s', async (inside) => {
    expect(await refusal({ stateDir: join(place.folder, inside) })).toBe('LogDirectoryRefused STATE_INSIDE_EVIDENCE')
  })

  it('but a state folder whose name only begins like the evidence is fine', async () => {
    await (await openAt(place, { stateDir: join(place.folder, 'log-state') })).log.close()
  })
})

it('an open log tells how much room it has, and a closed one looks no more', async () => {
  const timer = createManualTimer()
  const rooms: number[] = []
  const telemetry = {
    ...createEvidenceTelemetry(),
    evidenceSpace: ({ freeBytes }: { freeBytes: number }) => void rooms.push(freeBytes),
  }
  const { log } = await openAt(place, { timer, telemetry })
  await expect.poll(() => rooms.length).toBe(1)
  expect(rooms[0]).toBeGreaterThan(0)
  await log.close()
  timer.advance(60_000)
  await new Promise((resolve) => setImmediate(resolve))
  expect([rooms.length, timer.pending]).toEqual([1, 0])
})

describe('a start on a full disk', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
  const files = () => readdirSync(place.directory, { recursive: true }).map(String)

  it('says so, leaves no half file, however often it is tried, and gives the lock back', async () => {
    const publicFiles = {
      ...nodePublicFileCalls,
      async createSynced(path: string) {
        writeFileSync(path, 'half')
        throw full
      },
    }
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openAt(place, { publicFiles })).rejects.toMatchObject({
        ...{ name: 'LogDirectoryRefused', code: 'LOG_UNWRITABLE', cause: full },
        message: expect.stringContaining('ENOSPC: no space left on device, write. Give it a folder'),
      })
      expect(files().filter((file) => file.endsWith('.tmp'))).toEqual([])
    }
    await (await openAt(place)).log.close()
  })

  it('passes on what is no word of the system', async () => {
    const publicFiles = { ...nodePublicFileCalls, createSynced: () => Promise.reject(new TypeError('a mistake')) }
    await expect(openAt(place, { publicFiles })).rejects.toThrow(TypeError)
  })
})

describe('with the start-empty option', () => {
  it('an emptied folder starts a new log with a new origin, once', async () => {
    const { log } = await written()
    rmSync(place.directory, { recursive: true })
    const fresh = await openAt(place, { startEmpty: true })
    expect(fresh.log.size).toBe(0)
    expect(fresh.log.origin).not.toBe(log.origin)
    await fresh.log.close()
    const again = await openAt(place)
    expect(again.log.origin).toBe(fresh.log.origin)
    await again.log.close()
    rmSync(place.directory, { recursive: true })
    expect(await refusal()).toBe('LogDirectoryRefused LOG_EMPTIED')
  })

  it('the log that was given up cannot take the place of the new one', async () => {
    await written()
    renameSync(place.directory, join(place.folder, 'old'))
    await (await openAt(place, { startEmpty: true })).log.close()
    rmSync(place.directory, { recursive: true })
    renameSync(join(place.folder, 'old'), place.directory)
    expect(await refusal({ startEmpty: true })).toBe('LogDirectoryRefused LOG_REPLACED')
  })

  it('a log that is there is gone on with', async () => {
    const { log } = await written()
    const opened = await openAt(place, { startEmpty: true })
    expect([opened.log.origin, opened.log.size]).toEqual([log.origin, 3])
    await opened.log.close()
  })

  it('a journal without log.json stays refused', async () => {
    await written()
    rmSync(join(place.directory, 'log.json'))
    expect(await refusal({ startEmpty: true })).toBe('LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED')
  })
})

describe('a refusal', () => {
  it('names the file and what to do, and never the key', async () => {
    const { log } = await written()
    const path = join(place.stateDir, 'log-keys', `${idOf(log.origin)}.json`)
    const { seed } = json(path)
    chmodSync(path, 0o644)
    const error = await openAt(place).catch((thrown: Error) => thrown)
    if (!(error instanceof Error)) throw new Error('accepted')
    expect(error.message).toBe(`Others may read the signing key ${path}. Take that away: chmod 600 ${path}`)
    expect(JSON.stringify(error)).not.toContain(seed)
  })
})
