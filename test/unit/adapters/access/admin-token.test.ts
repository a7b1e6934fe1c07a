import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openAdminToken, readAdminToken } from '../../../../core/src/adapters/access/admin-token.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-token-'))
  path = join(folder, 'state', 'admin-token')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the admin token', () => {
  it('is made once, for its user alone, and stays', async () => {
    expect(await readAdminToken(path)).toBeUndefined()
    const token = await openAdminToken(path)
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await openAdminToken(path)).toBe(token)
    expect(await readFile(path, 'utf8')).toBe(`${token}\n`)
    expect(await readdir(join(folder, 'state'))).toEqual(['admin-token'])
    expect(await openAdminToken(join(folder, 'other', 'admin-token'))).not.toBe(token)
  })

  it('is one and the same for cores that start together', async () => {
    const tokens = await Promise.all(Array.from({ length: 10 }, () => openAdminToken(path)))
    expect(new Set(tokens).size).toBe(1)
    expect(await readdir(join(folder, 'state'))).toEqual(['admin-token'])
  })

  it.each([0o640, 0o604, 0o620, 0o602])('is refused where others may use the file: mode %o', async (mode) => {
    await openAdminToken(path)
    await chmod(path, mode)
    expect(await rejectionOf(openAdminToken(path))).toBe('AdminTokenRefused')
  })

  it('is refused where it cannot be read', async () => {
    await writeFile(join(folder, 'state'), 'a file in the way')
    expect(await rejectionOf(openAdminToken(path))).toBe('AdminTokenRefused')
  })

  it.each(['', 'short', `${'A'.repeat(43)} x`, 'A'.repeat(42)])(
    'is refused as %j, without a word of it',
    async (text) => {
      await openAdminToken(path)
      await writeFile(path, text)
      await expect(readAdminToken(path)).rejects.toThrow(`${path} holds no admin token. Remove it for a new one.`)
    },
  )
})
