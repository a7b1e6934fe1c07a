import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createNodeEd25519Signer } from '../../../core/src/adapters/crypto/node-ed25519.ts'
import { addKeyCommand } from '../../../core/src/cli/key.ts'
import { toDidKey } from '../../../core/src/domain/did/did-key.ts'
import { parsePrivateJwk } from '../../../core/src/domain/did/private-jwk.ts'
import { runCommand } from '../../tools/run-command.ts'

let folder: string
let umask: number

beforeEach(() => {
  umask = process.umask(0o000)
  folder = mkdtempSync(join(tmpdir(), 'capiscio-key-'))
})

afterEach(() => {
  process.umask(umask)
  rmSync(folder, { recursive: true })
})

const gen = (...args: string[]) => runCommand(addKeyCommand, ['key', 'gen', '--out', folder, ...args])
const read = (name: string): Record<string, unknown> => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const modeOf = (name: string): string => (statSync(join(folder, name)).mode & 0o777).toString(8)

describe('key gen', () => {
  test('writes a key pair: the private half for its owner only, whatever the umask is', async () => {
    expect((await gen()).code).toBe(0)
    const { d, ...publicHalf } = read('private.jwk')
    expect(publicHalf).toEqual(read('public.jwk'))
    const { signer, kid } = parsePrivateJwk({ ...publicHalf, d }, createNodeEd25519Signer)
    expect(kid).toBe(toDidKey(signer.publicKey))
    expect(publicHalf).toEqual({ kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid, alg: 'EdDSA', use: 'sig' })
    expect([modeOf('private.jwk'), modeOf('public.jwk')]).toEqual(['600', '644'])
    expect(readdirSync(folder).sort()).toEqual(['private.jwk', 'public.jwk'])
  })

  test.each([[], ['--json'], ['--show-did']])('shows nothing secret: %s', async (...args) => {
    const { stdout, stderr } = await gen(...args)
    const { d, kid } = read('private.jwk')
    expect(stdout + stderr).toContain(kid)
    expect(stdout + stderr).not.toContain(d)
  })

  test('prints the did:key alone, when asked to', async () => {
    const { stdout, stderr } = await gen('--show-did')
    expect(stdout).toBe(`${read('public.jwk')['kid']}\n`)
    expect(stderr).toContain(join(folder, 'private.jwk'))
  })

  test('writes where it is told to, and makes the folder', async () => {
    const { json } = await gen(
      '--out-priv',
      'a/p.jwk',
      '--out-pub',
      join(folder, 'q.jwk'),
      '--out-did',
      'did.txt',
      '--json',
    )
    const did = read('q.jwk')['kid']
    expect(readFileSync(join(folder, 'did.txt'), 'utf8')).toBe(`${did}\n`)
    expect(json()).toEqual({
      did,
      kid: did,
      files: { private: join(folder, 'a/p.jwk'), public: join(folder, 'q.jwk'), did: join(folder, 'did.txt') },
    })
    expect([modeOf('a'), modeOf('a/p.jwk'), modeOf('did.txt')]).toEqual(['700', '600', '644'])
  })

  test('makes another key each time', async () => {
    await gen()
    const first = read('private.jwk')
    await gen('--force')
    expect(read('private.jwk')['d']).not.toBe(first['d'])
    expect(read('private.jwk')['x']).toBe(read('public.jwk')['x'])
  })

  test.each(['private.jwk', 'public.jwk', 'did.txt'])(
    'replaces nothing without --force, and then nothing is written: %s',
    async (name) => {
      writeFileSync(join(folder, name), 'mine')
      const { code, stdout, stderr } = await gen('--out-did', 'did.txt')
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain(`${join(folder, name)} is there already`)
      expect(readdirSync(folder)).toEqual([name])
      expect(readFileSync(join(folder, name), 'utf8')).toBe('mine')
    },
  )

  test('takes a dangling link for a file, and replaces a link, not its target', async () => {
    symlinkSync(join(folder, 'nowhere'), join(folder, 'private.jwk'))
    expect((await gen()).code).toBe(1)
    expect(existsSync(join(folder, 'nowhere'))).toBe(false)
    writeFileSync(join(folder, 'nowhere'), 'target')
    expect((await gen('--force')).code).toBe(0)
    expect(readFileSync(join(folder, 'nowhere'), 'utf8')).toBe('target')
    expect(modeOf('private.jwk')).toBe('600')
  })

  test('gives a private key that replaces an open file its own mode', async () => {
    writeFileSync(join(folder, 'private.jwk'), 'open', { mode: 0o666 })
    await gen('--force')
    expect(modeOf('private.jwk')).toBe('600')
  })

  test('leaves no half of a pair where the other cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '')
    const { code, stderr } = await gen('--out-pub', 'file/public.jwk')
    expect([code, stderr]).toEqual([1, expect.stringContaining('cannot be written')])
    expect(readdirSync(folder)).toEqual(['file'])
  })

  test('refuses one name for two files', async () => {
    expect(await gen('--out-priv', 'k', '--out-pub', './k')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('one name'),
    })
    expect(readdirSync(folder)).toEqual([])
  })

  test('--help shows an example and the exit codes', async () => {
    const { code, stdout } = await gen('--help')
    expect(code).toBe(0)
    expect(stdout).toMatch(/Examples:\n {2}\$ capiscio key gen/)
    expect(stdout).toContain('Exit codes:')
    expect((await gen('--nonsense')).code).toBe(2)
  })
})
