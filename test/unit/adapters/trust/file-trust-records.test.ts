import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileTrustRecords } from '../../../../core/src/adapters/trust/file-trust-records.ts'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'

const NAME = `issuers/${'ab'.repeat(32)}`
const OTHER = `agents/${'cd'.repeat(32)}`

let parent: string
let folder: string
let umask: number

beforeEach(async () => {
  umask = process.umask(0o000)
  parent = await mkdtemp(join(tmpdir(), 'capiscio-trust-'))
  folder = join(parent, 'trust')
})

afterEach(async () => {
  process.umask(umask)
  await rm(parent, { recursive: true, force: true })
})

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)
const pathOf = (name: string): string => join(folder, `${name}.json`)

describe('what is made', () => {
  it('is for its owner only, also under umask 000, and nothing temporary stays', async () => {
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'x')
    await records.create(NAME, 'y')
    await records.markTakenOver()
    expect(await modeOf(folder)).toBe('700')
    expect(await modeOf(join(folder, 'issuers'))).toBe('700')
    expect(await modeOf(pathOf(NAME))).toBe('600')
    expect(await modeOf(join(folder, 'taken-over'))).toBe('600')
    expect(await readdir(join(folder, 'issuers'))).toEqual([`${'ab'.repeat(32)}.json`])
    expect((await readdir(folder)).sort()).toEqual(['issuers', 'taken-over'])
  })

  it('does not appear before the first change', async () => {
    const records = createFileTrustRecords(folder)
    await records.list()
    await records.remove(NAME)
    expect(await readdir(parent)).toEqual([])
  })
})

describe('a folder that others may write', () => {
  it.each([
    ['the store', () => folder],
    ['a folder in it', () => join(folder, 'issuers')],
  ])('does not count when it is %s', async (_what, path) => {
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'x')
    for (const mode of [0o720, 0o702, 0o777]) {
      await chmod(path(), mode)
      await expect(records.list()).rejects.toThrow(SourceUnavailable)
      await expect(records.list()).rejects.toThrow(`chmod 700 ${path()}`)
    }
    for (const mode of [0o755, 0o700]) {
      await chmod(path(), mode)
      expect((await records.list()).records).toHaveLength(1)
    }
  })

  it('is not written to', async () => {
    await mkdir(folder, { mode: 0o777 })
    await expect(createFileTrustRecords(folder).create(NAME, 'x')).rejects.toThrow(SourceUnavailable)
    expect((await readdir(folder)).filter((name) => name.endsWith('.json'))).toEqual([])
  })
})

describe('a file that others may write', () => {
  it('is named and not read, and takes no other with it', async () => {
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'x')
    await records.create(OTHER, 'y')
    for (const mode of [0o620, 0o602]) {
      await chmod(pathOf(NAME), mode)
      expect(await records.list()).toMatchObject({
        records: [{ name: OTHER }],
        unreadable: [{ name: NAME, reason: expect.stringContaining('may be written by others') }],
      })
    }
    await chmod(pathOf(NAME), 0o644)
    expect((await records.list()).records).toHaveLength(2)
  })
})

describe.skipIf(process.geteuid?.() !== 0)('what belongs to another user', () => {
  it('does not count', async () => {
    const { chown } = await import('node:fs/promises')
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'x')
    await chown(pathOf(NAME), 12_345, 12_345)
    expect(await records.list()).toMatchObject({
      records: [],
      unreadable: [{ name: NAME, reason: expect.stringContaining('belongs to user 12345') }],
    })
    await chown(folder, 12_345, 12_345)
    await expect(records.list()).rejects.toThrow(SourceUnavailable)
  })
})

describe('what is there and cannot be used', () => {
  it.each([
    ['a folder', async () => mkdir(pathOf(NAME), { mode: 0o700 })],
    ['a file of 64 KiB and a byte', async () => writeFile(pathOf(NAME), 'x'.repeat(65_537), { mode: 0o600 })],
    ['bytes that are no text', async () => writeFile(pathOf(NAME), Uint8Array.of(0xff, 0xfe), { mode: 0o600 })],
    ['a link to nowhere', async () => symlink('/nowhere', pathOf(NAME))],
  ])('is named: %s', async (_what, plant) => {
    const records = createFileTrustRecords(folder)
    await records.create(OTHER, 'y')
    await mkdir(join(folder, 'issuers'), { mode: 0o700 })
    await plant()
    expect(await records.list()).toMatchObject({ records: [{ name: OTHER }], unreadable: [{ name: NAME }] })
  })

  it('a record of 64 KiB is read', async () => {
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'x'.repeat(65_536))
    expect((await records.list()).records[0]?.text).toHaveLength(65_536)
  })

  it('a file in the place of the folder', async () => {
    await writeFile(folder, '', { mode: 0o600 })
    await expect(createFileTrustRecords(folder).list()).rejects.toThrow('is not a folder')
    await expect(createFileTrustRecords(folder).create(NAME, 'x')).rejects.toThrow(SourceUnavailable)
  })

  it('files of other names are none of its business', async () => {
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'x')
    await writeFile(join(folder, 'issuers', 'x.json.0123.tmp'), 'half', { mode: 0o600 })
    await writeFile(join(folder, 'README'), 'hello', { mode: 0o600 })
    expect(await records.list()).toMatchObject({ records: [{ name: NAME }], olderFiles: [], unreadable: [] })
  })
})

it('reads nothing again while nothing changes', async () => {
  const records = createFileTrustRecords(folder)
  await records.create(NAME, 'x')
  expect(await records.list()).toBe(await records.list())
})

it('says what it cannot remove', async () => {
  await mkdir(pathOf(NAME), { recursive: true, mode: 0o700 })
  await expect(createFileTrustRecords(folder).remove(NAME)).rejects.toThrow(SourceUnavailable)
})

describe('a change in place', () => {
  it('is seen also where only the bytes differ', async () => {
    const records = createFileTrustRecords(folder)
    await records.create(NAME, 'aaa')
    const { version } = await records.list()
    const { atime, mtime } = await stat(pathOf(NAME))
    await writeFile(pathOf(NAME), 'bbb')
    await utimes(pathOf(NAME), atime, mtime)
    const after = await records.list()
    expect(after.records).toEqual([{ name: NAME, text: 'bbb' }])
    expect(after.version).not.toBe(version)
  })
})

it('refuses to read more files than anybody pins keys', async () => {
  const records = createFileTrustRecords(folder)
  await records.create(NAME, 'x')
  await Promise.all(
    Array.from({ length: 4096 }, (_, index) => writeFile(join(folder, `${index}.jwk`), '', { mode: 0o600 })),
  )
  await expect(records.list()).rejects.toThrow('more than 4096 files')
  await rm(join(folder, '0.jwk'))
  expect((await records.list()).olderFiles).toHaveLength(4095)
})
