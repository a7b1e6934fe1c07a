import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileKeyStore } from '../../../../core/src/adapters/keys/file-key-store.ts'
import type { KeyStore } from '../../../../core/src/ports/key-store.ts'
import { storedKey } from '../../../contract/key-store.contract.ts'

let folder: string
let directory: string
let store: KeyStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-keys-'))
  directory = join(folder, 'keys')
  store = createFileKeyStore(directory)
})

afterEach(() => rm(folder, { recursive: true }))

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777
const KEY = 'one.json'

describe('key files', () => {
  it('are for their owner only, whatever the umask is', async () => {
    const before = process.umask(0)
    try {
      await store.add(storedKey('one'))
    } finally {
      process.umask(before)
    }
    expect([await modeOf(directory), await modeOf(join(directory, KEY))]).toEqual([0o700, 0o600])
  })

  it('are all that is there, also after a refusal', async () => {
    await store.add(storedKey('one'))
    await store.add(storedKey('one')).catch(() => {})
    expect(await readdir(directory)).toEqual([KEY])
  })

  it('make no folder before there is a key', async () => {
    await store.list()
    await store.find('one')
    await store.remove('one')
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a store that others can get at', () => {
  it.each([0o750, 0o701, 0o770, 0o777])('is refused when its folder has mode %o', async (mode) => {
    await store.add(storedKey('one'))
    await chmod(directory, mode)
    const refused = { code: 'KEY_STORE_EXPOSED', message: expect.stringContaining(`chmod 700 ${directory}`) }
    await expect(store.find('one')).rejects.toMatchObject(refused)
    await expect(store.list()).rejects.toMatchObject(refused)
    await expect(store.add(storedKey('two'))).rejects.toMatchObject(refused)
    await expect(store.remove('one')).rejects.toMatchObject(refused)
  })

  it.each([0o640, 0o604, 0o620])('is refused when a key has mode %o', async (mode) => {
    await store.add(storedKey('one'))
    await chmod(join(directory, KEY), mode)
    await expect(store.find('one')).rejects.toMatchObject({ code: 'KEY_STORE_EXPOSED' })
  })

  it('is refused when its folder is a link or a file', async () => {
    const elsewhere = join(folder, 'elsewhere')
    await mkdir(elsewhere, { mode: 0o700 })
    await symlink(elsewhere, directory)
    await expect(store.add(storedKey('one'))).rejects.toMatchObject({ code: 'KEY_STORE_EXPOSED' })
    await rm(directory)
    await writeFile(directory, '', { mode: 0o600 })
    await expect(store.find('one')).rejects.toMatchObject({ code: 'KEY_STORE_EXPOSED' })
  })
})

describe('a key that is not what was written', () => {
  const change = async (edit: (file: Record<string, unknown>) => unknown): Promise<void> => {
    const path = join(directory, KEY)
    const text = JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8'))))
    await writeFile(path, text)
  }

  it.each<[what: string, edit: (file: Record<string, unknown>) => unknown]>([
    ['another version', (file) => ({ ...file, version: 2 })],
    ['another name', (file) => ({ ...file, id: 'two' })],
    ['no private key', ({ seed: _, ...file }) => file],
    ['a private key that is too short', (file) => ({ ...file, seed: Buffer.alloc(31, 1).toString('base64url') })],
    ['a private key that is too long', (file) => ({ ...file, seed: Buffer.alloc(33, 1).toString('base64url') })],
    // The last character has two bits that mean nothing and must be zero.
    ['a private key in a second spelling', (file) => ({ ...file, seed: `${String(file['seed']).slice(0, -1)}V` })],
    ['a private key with padding', (file) => ({ ...file, seed: `${file['seed']}=` })],
    ['no public key', (file) => ({ ...file, publicKey: null })],
    ['no time', (file) => ({ ...file, createdAt: 'yesterday' })],
    ['a list', () => []],
    ['nothing', () => null],
  ])('is refused with %s', async (_what, edit) => {
    await store.add(storedKey('one'))
    await change(edit)
    const error = await store.find('one').catch((refused: unknown) => refused)
    expect(error).toMatchObject({ name: 'KeyStoreRefused', code: 'KEY_DAMAGED' })
  })

  it('is refused when it is no JSON, and not quoted', async () => {
    await store.add(storedKey('one'))
    const secret = Buffer.from(storedKey('one').seed).toString('base64url')
    await writeFile(join(directory, KEY), `"${secret}`)
    const error = await store.find('one').catch((refused: unknown) => refused)
    expect(error).toMatchObject({ code: 'KEY_DAMAGED' })
    expect(String((error as Error).stack)).not.toContain(secret)
  })

  it('is refused when it is a link, a folder, or larger than any key', async () => {
    await store.add(storedKey('one'))
    const path = join(directory, KEY)
    await rename(path, join(folder, KEY))
    await symlink(join(folder, KEY), path)
    await expect(store.find('one')).rejects.toMatchObject({ code: 'KEY_DAMAGED' })
    await rm(path)
    await mkdir(path, { mode: 0o700 })
    await expect(store.find('one')).rejects.toMatchObject({ code: 'KEY_DAMAGED' })
    await rm(path, { recursive: true })
    await writeFile(path, (await readFile(join(folder, KEY), 'utf8')).padEnd(4097), { mode: 0o600 })
    await expect(store.find('one')).rejects.toMatchObject({ code: 'KEY_DAMAGED' })
  })
})

it.each(['', '.', '..', '../one', 'a/b', '.hidden', '-x', 'a\0b', 'ä', 'a'.repeat(129)])(
  'the name %j reaches no file',
  async (id) => {
    for (const call of [() => store.find(id), () => store.add(storedKey(id)), () => store.remove(id)]) {
      await expect(call()).rejects.toThrow(TypeError)
    }
    expect(await readdir(folder)).toEqual([])
  },
)
