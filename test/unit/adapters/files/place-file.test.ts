import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { placeFile } from '../../../../core/src/adapters/files/place-file.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

let folder: string
let path: string
let umask: number

beforeEach(async () => {
  umask = process.umask(0o000)
  folder = await mkdtemp(join(tmpdir(), 'capiscio-place-'))
  path = join(folder, 'file')
})

afterEach(async () => {
  process.umask(umask)
  await rm(folder, { recursive: true })
})

const mode = async (): Promise<number> => (await stat(path)).mode & 0o777

it('puts a file at a free path, for its owner only whatever the umask is', async () => {
  await placeFile(path, bytes('one'))
  expect(await readFile(path, 'utf8')).toBe('one')
  expect(await mode()).toBe(0o600)
  expect(await readdir(folder)).toEqual(['file'])
})

it('gives the file the mode that is asked for', async () => {
  await placeFile(path, bytes('one'), { mode: 0o644 })
  expect(await mode()).toBe(0o644)
})

it('leaves a file alone that is there, and nothing behind', async () => {
  await writeFile(path, 'old')
  await expect(placeFile(path, bytes('new'))).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await readFile(path, 'utf8')).toBe('old')
  expect(await readdir(folder)).toEqual(['file'])
})

it('takes a dangling link for something that is there', async () => {
  await symlink(join(folder, 'elsewhere'), path)
  await expect(placeFile(path, bytes('new'))).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await readdir(folder)).toEqual(['file'])
})

it('replaces a file when told to, and with it its mode', async () => {
  await writeFile(path, 'old', { mode: 0o666 })
  await placeFile(path, bytes('new'), { existing: 'replace' })
  expect(await readFile(path, 'utf8')).toBe('new')
  expect(await mode()).toBe(0o600)
  expect(await readdir(folder)).toEqual(['file'])
})

it('replaces a link, not what it points to', async () => {
  await writeFile(join(folder, 'target'), 'keep')
  await symlink(join(folder, 'target'), path)
  await placeFile(path, bytes('new'), { existing: 'replace' })
  expect(await readFile(join(folder, 'target'), 'utf8')).toBe('keep')
  expect(await readFile(path, 'utf8')).toBe('new')
})
