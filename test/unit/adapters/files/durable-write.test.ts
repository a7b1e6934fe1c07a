import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createFileDurably,
  makeDirectoryDurably,
  writeFileDurably,
} from '../../../../core/src/adapters/files/durable-write.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-durable-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a file that is written durably', () => {
  it('holds the new bytes, for its owner only, and leaves nothing else behind', async () => {
    const path = join(folder, 'a')
    await writeFileDurably(path, bytes('one'))
    await writeFileDurably(path, bytes('two'))
    expect(await readFile(path, 'utf8')).toBe('two')
    expect(await mode(path)).toBe('600')
    expect(await readdir(folder)).toEqual(['a'])
  })

  it('keeps the old bytes when it cannot be replaced, and leaves nothing else behind', async () => {
    const path = join(folder, 'a')
    await mkdir(join(path, 'inside'), { recursive: true })
    await expect(writeFileDurably(path, bytes('new'))).rejects.toThrow()
    expect(await readdir(folder)).toEqual(['a'])
    expect(await readdir(path)).toEqual(['inside'])
  })

  it('replaces a symbolic link instead of writing through it', async () => {
    await writeFile(join(folder, 'target'), 'old')
    await symlink(join(folder, 'target'), join(folder, 'link'))
    await writeFileDurably(join(folder, 'link'), bytes('new'))
    expect(await readFile(join(folder, 'target'), 'utf8')).toBe('old')
    expect(await readFile(join(folder, 'link'), 'utf8')).toBe('new')
  })

  it('is refused where its folder is missing', async () => {
    await expect(writeFileDurably(join(folder, 'no', 'a'), bytes('x'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a file that is created durably', () => {
  it('is made once and never overwritten', async () => {
    const path = join(folder, 'a')
    await createFileDurably(path, bytes('one'))
    await expect(createFileDurably(path, bytes('two'))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(path, 'utf8')).toBe('one')
    expect(await mode(path)).toBe('600')
  })
})

describe('a folder that is made durably', () => {
  it('gets its missing parents, all for the owner only, and may exist', async () => {
    const path = join(folder, 'a', 'b', 'c')
    await makeDirectoryDurably(path)
    await makeDirectoryDurably(path)
    for (const made of ['a', 'a/b', 'a/b/c']) expect(await mode(join(folder, made))).toBe('700')
  })

  it('may be made by several at once', async () => {
    const path = join(folder, 'a', 'b')
    await Promise.all(Array.from({ length: 10 }, () => makeDirectoryDurably(path)))
    expect(await mode(path)).toBe('700')
  })

  it('is refused where a file is in the way', async () => {
    await writeFile(join(folder, 'a'), '')
    await expect(makeDirectoryDurably(join(folder, 'a'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeDirectoryDurably(join(folder, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})
