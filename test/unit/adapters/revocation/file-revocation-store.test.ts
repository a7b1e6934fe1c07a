import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileRevocationStore } from '../../../../core/src/adapters/revocation/file-revocation-store.ts'
import type { RevocationStore } from '../../../../core/src/ports/revocation-store.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const ISSUER = 'https://registry.example.com'
const DAMAGED = 'StoredRevocationsDamaged'
const STATE = { syncedAtMs: 1_765_292_700_000, others: ['x'] }

let folder: string
let stores: Disposable[]

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'capiscio-store-')), 'revocations')
  stores = []
})

afterEach(async () => {
  for (const store of stores) store[Symbol.dispose]()
  await rm(join(folder, '..'), { recursive: true, force: true })
})

function open(): RevocationStore & Disposable {
  const store = createFileRevocationStore(folder)
  stores.push(store)
  return store
}

const ids = (...fill: number[]) => Uint8Array.from(fill.flatMap((byte) => Array<number>(16).fill(byte)))

async function load(store = open()) {
  const pieces: number[] = []
  const state = await store.load(ISSUER, (bytes) => {
    for (let at = 0; at < bytes.length; at += 16) pieces.push(bytes[at] ?? 0)
  })
  return { ids: pieces, state }
}

async function place() {
  const name = (await readdir(folder)).find((one) => /^[0-9a-f]{32}$/.test(one)) ?? ''
  const inside = join(folder, name)
  const names = await readdir(inside)
  return {
    inside,
    names,
    idsFile: join(inside, names.find((one) => one.startsWith('ids-')) ?? ''),
    stateFile: join(inside, 'state.json'),
  }
}

describe('files of revocations', () => {
  it('are private, few, and hold 16 bytes for each id', async () => {
    const store = open()
    await store.save(ISSUER, { all: [ids(1, 2)] }, STATE)
    await store.save(ISSUER, { added: ids(3) }, STATE)
    await store.save(ISSUER, { all: [ids(1, 2, 3), ids(4)] }, STATE)
    const { names, idsFile, stateFile } = await place()
    expect(names.sort()).toEqual([expect.stringMatching(/^ids-/), 'state.json'])
    expect((await stat(idsFile)).size).toBe(64)
    for (const file of [idsFile, stateFile]) expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect(JSON.parse(await readFile(stateFile, 'utf8'))).toMatchObject({
      version: 1,
      issuer: ISSUER,
      count: 4,
      syncedAt: '2025-12-09T15:05:00.000Z',
      others: ['x'],
    })
  })

  it('are read up to what the state counts: the rest is of a save that never ended', async () => {
    const store = open()
    await store.save(ISSUER, { all: [ids(1)] }, STATE)
    const { idsFile } = await place()
    await appendFile(idsFile, ids(9, 9, 9).subarray(0, 40))
    store[Symbol.dispose]()
    const again = open()
    expect(await load(again)).toMatchObject({ ids: [1], state: STATE })
    await again.save(ISSUER, { added: ids(2) }, STATE)
    expect((await stat(idsFile)).size).toBe(32)
    expect(await load()).toMatchObject({ ids: [1, 2] })
  })

  it.each<[string, (files: { idsFile: string; stateFile: string }) => Promise<void>]>([
    ['an id that was changed', ({ idsFile }) => writeFile(idsFile, ids(1, 3))],
    ['ids that were cut off', ({ idsFile }) => truncate(idsFile, 17)],
    ['ids that are gone', ({ idsFile }) => rm(idsFile)],
    ['a state that cannot be read', ({ stateFile }) => rm(stateFile).then(() => mkdir(stateFile))],
    ['ids that cannot be read', ({ idsFile }) => rm(idsFile).then(() => symlink(idsFile, idsFile))],
    ['a state that is no JSON', ({ stateFile }) => writeFile(stateFile, '{')],
    ['a state that is no object', ({ stateFile }) => writeFile(stateFile, '7')],
    ['a state of another issuer', ({ stateFile }) => edit(stateFile, { issuer: 'https://x.example' })],
    ['a state of another version', ({ stateFile }) => edit(stateFile, { version: 2 })],
    ['a state without a time', ({ stateFile }) => edit(stateFile, { syncedAt: undefined })],
    ['a state that counts fewer', ({ stateFile }) => edit(stateFile, { count: 1 })],
    ['a state with a negative count', ({ stateFile }) => edit(stateFile, { count: -1 })],
    ['a state with another sum', ({ stateFile }) => edit(stateFile, { crc: 1 })],
    ['a state with a sum that is none', ({ stateFile }) => edit(stateFile, { crc: 'x' })],
    [
      'a state that names a file elsewhere',
      ({ stateFile }) => edit(stateFile, { file: '../ids-0123456789abcdef.bin' }),
    ],
    ['a state whose other ids are no texts', ({ stateFile }) => edit(stateFile, { others: [7] })],
    ['a state whose subjects are no list', ({ stateFile }) => edit(stateFile, { disabledSubjects: 'x' })],
  ])('count for nothing with %s; they are put aside by the next save and never deleted', async (_, damage) => {
    const store = open()
    await store.save(ISSUER, { all: [ids(1, 2)] }, STATE)
    await damage(await place())
    store[Symbol.dispose]()
    const before = await place().then(({ inside }) => readdir(inside))
    const again = open()
    expect(await rejectionOf(load(again))).toBe(DAMAGED)
    expect(await place().then(({ inside }) => readdir(inside))).toEqual(before)
    await again.save(ISSUER, { all: [ids(5)] }, STATE)
    expect(await load()).toMatchObject({ ids: [5] })
    const aside = (await readdir(folder)).filter((name) => name.includes('.damaged-'))
    expect(aside).toHaveLength(1)
    expect(await readdir(join(folder, aside[0] ?? ''))).toEqual(before)
  })

  it('are written by one process; another one reads them and leaves them alone', async () => {
    const first = open()
    expect(await first.save(ISSUER, { all: [ids(1)] }, STATE)).toBe(true)
    const second = open()
    expect(await load(second)).toMatchObject({ ids: [1] })
    expect(await second.save(ISSUER, { all: [ids(2)] }, STATE)).toBe(false)
    await first.save(ISSUER, { added: ids(3) }, STATE)
    expect(await load()).toMatchObject({ ids: [1, 3] })
    first[Symbol.dispose]()
    // What the second one read is older than what the first one wrote after that.
    expect(await second.save(ISSUER, { added: ids(9) }, STATE)).toBe(false)
    expect(await load()).toMatchObject({ ids: [1, 3] })
    expect(await second.save(ISSUER, { all: [ids(4)] }, STATE)).toBe(true)
    expect(await second.save(ISSUER, { added: ids(5) }, STATE)).toBe(true)
    expect(await load()).toMatchObject({ ids: [4, 5] })
  })

  it('are read also where they cannot be written', async () => {
    const first = open()
    await first.save(ISSUER, { all: [ids(1)] }, STATE)
    first[Symbol.dispose]()
    await rm(join(folder, 'lock'))
    await mkdir(join(folder, 'lock'))
    expect(await load()).toMatchObject({ ids: [1] })
  })

  it('of a save that failed are those of the save before', async () => {
    const store = open()
    await store.save(ISSUER, { all: [ids(1)] }, STATE)
    const { idsFile, stateFile } = await place()
    await rename(idsFile, `${idsFile}.away`)
    expect(await rejectionOf(store.save(ISSUER, { added: ids(2) }, STATE))).toBe('Error ENOENT')
    await rename(`${idsFile}.away`, idsFile)
    const broken = function* (): Generator<Uint8Array> {
      yield ids(8)
      throw new Error('out of memory')
    }
    expect(await rejectionOf(store.save(ISSUER, { all: broken() }, STATE))).toBe('Error')
    expect(await load()).toMatchObject({ ids: [1] })
    await store.save(ISSUER, { added: ids(3) }, STATE)
    expect(await load()).toMatchObject({ ids: [1, 3] })
    expect((await place()).names).toHaveLength(2)
    expect(await readFile(stateFile, 'utf8')).toContain('"count": 2')
  })

  it('do not hide a fault of whoever takes them', async () => {
    const store = open()
    await store.save(ISSUER, { all: [ids(1)] }, STATE)
    const fault = new RangeError('full')
    const take = (): never => {
      throw fault
    }
    await expect(store.load(ISSUER, take)).rejects.toBe(fault)
  })

  it('need no time: what one learns before the first sync is kept, too', async () => {
    const store = open()
    await store.save(ISSUER, { all: [ids(1)] }, { others: [] })
    store[Symbol.dispose]()
    const { ids: loaded, state } = await load()
    expect([loaded, state?.syncedAtMs]).toEqual([[1], undefined])
  })

  it('cannot be added to by who has not read them', async () => {
    expect(await open().save(ISSUER, { added: ids(1) }, STATE)).toBe(false)
    expect(await load()).toEqual({ ids: [], state: undefined })
  })
})

async function edit(path: string, changes: object): Promise<void> {
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }))
}
