import { createHash } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTokenFile, type TokenFile } from '../../../../core/src/adapters/access/token-file.ts'

const FIRST = 'a'.repeat(32)
const SECOND = 'Zz09-._~+/'.repeat(4)

let folder: string
let path: string
let warnings: string[]
let opened: TokenFile | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-token-'))
  path = join(folder, 'token')
  warnings = []
})

afterEach(async () => {
  opened?.[Symbol.dispose]()
  opened = undefined
  await rm(folder, { recursive: true })
})

async function start(text: string, mode = 0o600): Promise<TokenFile> {
  await writeFile(path, text)
  await chmod(path, mode)
  opened = await openTokenFile({ path, onWarning: (message) => warnings.push(message), checkEveryMs: 1_000_000_000 })
  return opened
}

const hashesOf = (tokens: TokenFile): string[] => tokens.hashes().map((hash) => Buffer.from(hash).toString('hex'))
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('a token file', () => {
  it('gives the hash of each of its lines, whatever ends them', async () => {
    expect(hashesOf(await start(`${FIRST}\n${SECOND}==\r\n`))).toEqual([sha256(FIRST), sha256(`${SECOND}==`)])
    expect(warnings).toEqual([])
  })

  it.each([
    ['is empty', ''],
    ['has a short token', 'a'.repeat(31)],
    ['has a long token', 'a'.repeat(513)],
    ['has one short token among good ones', `${FIRST}\nshort`],
    ['has a token with a space', `${FIRST} ${SECOND}`],
    ['has a token that is no ASCII', `${FIRST}é`],
    ['has nine tokens', Array.from({ length: 9 }, (_, index) => `${FIRST}${index}`).join('\n')],
  ])('is refused when it %s, and not quoted', async (_what, text) => {
    const error = await start(text).catch((refused: unknown) => refused)
    expect(error).toMatchObject({ name: 'FileRefused', code: 'FILE_INVALID', path })
    expect(String(error)).not.toContain(FIRST)
  })

  it('holds up to eight tokens', async () => {
    const eight = Array.from({ length: 8 }, (_, index) => `${FIRST}${index}`)
    expect((await start(eight.join('\n'))).hashes()).toHaveLength(8)
  })

  it('is refused when others can read it', async () => {
    await expect(start(FIRST, 0o644)).rejects.toMatchObject({ code: 'FILE_EXPOSED' })
  })

  it('is used with a word when its group can read it', async () => {
    await start(FIRST, 0o640)
    expect(warnings).toEqual([expect.stringContaining('can be read by its group')])
  })
})

describe('a token file that changes', () => {
  it('is in force at the next look', async () => {
    const tokens = await start(FIRST)
    await writeFile(path, SECOND)
    await tokens.check()
    expect(hashesOf(tokens)).toEqual([sha256(SECOND)])
  })

  it.each([
    ['emptied', ''],
    ['broken', 'short'],
  ])('and is %s keeps what was good, and says so', async (_what, text) => {
    const tokens = await start(FIRST)
    await writeFile(path, text)
    await tokens.check()
    expect(hashesOf(tokens)).toEqual([sha256(FIRST)])
    expect(warnings).toEqual([expect.stringContaining('stay valid')])
    expect(warnings.join()).not.toContain(FIRST)
  })
})
