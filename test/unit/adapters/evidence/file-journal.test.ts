import { appendFile, mkdir, mkdtemp, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFileJournal } from '../../../../core/src/adapters/evidence/file-journal.ts'
import { createJournalRepair } from '../../../../core/src/adapters/evidence/journal-repair.ts'
import { listJournalSegments } from '../../../../core/src/adapters/evidence/journal-segments.ts'
import type { Journal } from '../../../../core/src/ports/journal.ts'
import { createFaultyFiles, type FaultyFiles, systemError } from '../../../fakes/faulty-files.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

let directory: string
let file: string
let files: FaultyFiles
let released: number
const opened: Journal[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'capiscio-journal-'))
  await mkdir(join(directory, 'journal'))
  file = join(directory, 'journal', '00000000000000000000.wal')
  files = createFaultyFiles()
  released = 0
})

async function open(newest?: { name: string; bytes: number }) {
  const journal = await openFileJournal({ directory, newest, files, releaseLock: () => void released++ })
  opened.push(journal)
  return journal
}

afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close()
  for (const path of [directory, `${directory}.moved`]) await rm(path, { recursive: true, force: true })
})

async function started() {
  const journal = await open()
  await journal.startSegment(0)
  return journal
}

describe('an append', () => {
  it('is one write and one sync, and a new file is one sync of its folder', async () => {
    const journal = await started()
    expect(files.calls).toEqual({ create: 1, open: 0, write: 0, datasync: 0, syncDirectory: 1 })
    await journal.append(bytes('one'))
    await journal.append(bytes('two'))
    expect(files.calls).toEqual({ create: 1, open: 0, write: 2, datasync: 2, syncDirectory: 1 })
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600')
  })

  it('does not resolve before its sync did', async () => {
    const journal = await started()
    let finish: () => void = () => undefined
    files.next('datasync', () => new Promise<void>((resolve) => (finish = resolve)))
    let done = false
    const append = journal.append(bytes('one')).then(() => (done = true))
    while (files.calls.datasync === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(done).toBe(false)
    finish()
    await append
    expect(done).toBe(true)
  })
})

describe('a journal one of whose system calls failed', () => {
  const refused = async (journal: Awaited<ReturnType<typeof open>>) => {
    const before = { ...files.calls }
    await expect(journal.append(bytes('later'))).rejects.toThrow('failed earlier')
    await expect(journal.startSegment(9)).rejects.toThrow('failed earlier')
    expect(files.calls).toEqual(before)
  }

  it.each(['EIO', 'ENOSPC'])('by %s in the sync is never synced again, although that would succeed', async (code) => {
    const journal = await started()
    files.next('datasync', () => Promise.reject(systemError(code)))
    await expect(journal.append(bytes('one'))).rejects.toMatchObject({ code })
    await refused(journal)
    expect(files.calls.datasync).toBe(1)
  })

  it.each(['EIO', 'ENOSPC', 'EFBIG'])('by %s in the write is not synced and not written again', async (code) => {
    const journal = await started()
    files.next('write', () => Promise.reject(systemError(code)))
    await expect(journal.append(bytes('one'))).rejects.toMatchObject({ code })
    await refused(journal)
    expect(files.calls).toMatchObject({ write: 1, datasync: 0 })
  })

  it('by a short write does not write the rest', async () => {
    const journal = await started()
    files.next('write', async () => {
      await appendFile(file, bytes('on'))
      return 2
    })
    await expect(journal.append(bytes('one'))).rejects.toThrow('took 2 of 3 bytes')
    await refused(journal)
    expect(await readFile(file, 'utf8')).toBe('on')
    expect(files.calls).toMatchObject({ write: 1, datasync: 0 })
  })

  it('by a new file that could not be made takes nothing more', async () => {
    const journal = await started()
    files.next('create', () => Promise.reject(systemError('ENOSPC')))
    await expect(journal.startSegment(5)).rejects.toMatchObject({ code: 'ENOSPC' })
    await refused(journal)
  })

  it('by a folder that could not be synced takes nothing more', async () => {
    const journal = await open()
    files.next('syncDirectory', () => Promise.reject(systemError('EIO')))
    await expect(journal.startSegment(0)).rejects.toMatchObject({ code: 'EIO' })
    await refused(journal)
  })

  it('still gives the lock back when it is closed', async () => {
    const journal = await started()
    files.next('write', () => Promise.reject(systemError('EIO')))
    await expect(journal.append(bytes('one'))).rejects.toThrow()
    expect(released).toBe(0)
    await journal.close()
    await journal.close()
    expect(released).toBe(1)
  })
})

describe('a journal that somebody else touches', () => {
  it.each<[string, () => Promise<void>]>([
    ['appends to', () => appendFile(file, 'x')],
    ['shortens', () => truncate(file, 1)],
    ['removes', () => rm(file)],
    ['replaces', () => rm(file).then(() => writeFile(file, 'one'))],
    ['renames', () => rename(file, `${file}.1`)],
    ['moves the folder of', () => rename(directory, `${directory}.moved`)],
  ])('refuses to go on after they %s its file', async (_, touch) => {
    const journal = await started()
    await journal.append(bytes('one'))
    await touch()
    await expect(journal.append(bytes('two'))).rejects.toThrow('Somebody else changes the journal')
    await expect(journal.append(bytes('two'))).rejects.toThrow('failed earlier')
    expect(files.calls.write).toBe(1)
  })

  it('refuses a newest segment whose size is not what recovery found', async () => {
    await writeFile(file, 'onetwo')
    const journal = await open({ name: 'journal/00000000000000000000.wal', bytes: 3 })
    await expect(journal.append(bytes('x'))).rejects.toThrow('has 6 bytes')
    expect(await readFile(file, 'utf8')).toBe('onetwo')
  })

  it('never makes a missing newest segment anew', async () => {
    await expect(open({ name: 'journal/00000000000000000000.wal', bytes: 0 })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the files of a journal', () => {
  it('are those with a name of twenty digits; others are left alone', async () => {
    for (const name of ['00000000000000000000.wal.bak', '1.wal', 'x', '00000000000000000007.wal'])
      await writeFile(join(directory, 'journal', name), '')
    expect((await listJournalSegments(directory)).map(({ firstIndex }) => firstIndex)).toEqual([7])
  })

  it('may be missing altogether', async () => {
    expect(await listJournalSegments(join(directory, 'none'))).toEqual([])
  })
})

describe('a quarantined tail', () => {
  it('is copied whole when it is larger than a chunk, into a folder and file for the owner only', async () => {
    const tail = new Uint8Array(2_500_000).map((_, i) => i % 251)
    await writeFile(file, Buffer.concat([bytes('good'), tail]))
    const [segment] = await listJournalSegments(directory)
    if (segment) await createJournalRepair(directory).quarantineTail(segment, 4)
    const copy = join(directory, 'quarantine', '00000000000000000000.wal.4.0')
    expect(Buffer.compare(await readFile(copy), tail)).toBe(0)
    expect(await readFile(file, 'utf8')).toBe('good')
    const modes = await Promise.all(
      [copy, join(directory, 'quarantine')].map(async (path) => ((await stat(path)).mode & 0o777).toString(8)),
    )
    expect(modes).toEqual(['600', '700'])
  })
})
