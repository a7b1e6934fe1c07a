import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { addCaKey, readCaKeyFile, readCaKeys } from '../../../../core/src/adapters/registry/ca-key-files.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

let folder: string
const key = { kid: 'ca-1', seed: new Uint8Array(32).fill(5), activeFromMs: 1_780_315_200_000 }
const read = () => readCaKeys(folder, createNodeEd25519Signer)
const path = () => join(folder, 'ca-1.jwk')
const rewrite = (change: (jwk: Record<string, unknown>) => unknown): void => {
  writeFileSync(path(), JSON.stringify(change(JSON.parse(readFileSync(path(), 'utf8')))))
}

beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'capiscio-ca-')), 'ca-keys')
  await addCaKey(folder, key, createNodeEd25519Signer)
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

describe('the files of CA keys', () => {
  it('are read as they were written, by their owner alone', async () => {
    expect(await read()).toEqual([key])
    expect(statSync(path()).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(readdirSync(folder)).toEqual(['ca-1.jwk'])
  })

  it('are added and never replaced', async () => {
    await addCaKey(folder, { ...key, kid: 'ca-2' }, createNodeEd25519Signer)
    const before = readFileSync(path(), 'utf8')
    const again = addCaKey(folder, { ...key, seed: new Uint8Array(32).fill(6) }, createNodeEd25519Signer)
    expect(await rejectionOf(again)).toBe('RegistryStoreRefused CA_KEY_EXISTS')
    expect(readFileSync(path(), 'utf8')).toBe(before)
    expect((await read()).map(({ kid }) => kid)).toEqual(['ca-1', 'ca-2'])
  })

  it('must be there', async () => {
    rmSync(path())
    expect(await rejectionOf(read())).toBe('RegistryStoreRefused CA_KEY_MISSING')
    rmSync(folder, { recursive: true })
    expect(await rejectionOf(read())).toBe('RegistryStoreRefused CA_KEY_MISSING')
    expect(await rejectionOf(readCaKeyFile(path(), createNodeEd25519Signer))).toBe(
      'RegistryStoreRefused CA_KEY_MISSING',
    )
  })

  it('may be read by nobody else', async () => {
    chmodSync(path(), 0o640)
    expect(await rejectionOf(read())).toBe('RegistryStoreRefused CA_KEY_WRONG_MODE')
  })

  it.each<[string, (jwk: Record<string, unknown>) => unknown]>([
    ['is no object', () => 7],
    ['has no d', ({ d, ...rest }) => rest],
    ['has a short d', (jwk) => ({ ...jwk, d: 'AAAA' })],
    ['has another x', (jwk) => ({ ...jwk, x: 'A'.repeat(43) })],
    ['is of another kind', (jwk) => ({ ...jwk, kty: 'EC' })],
    ['is of another curve', (jwk) => ({ ...jwk, crv: 'X25519' })],
    ['has no kid', ({ kid, ...rest }) => rest],
    ['has another kid than its name', (jwk) => ({ ...jwk, kid: 'ca-2' })],
    ['has a kid that is a path', (jwk) => ({ ...jwk, kid: '../x' })],
    ['has no time', (jwk) => ({ ...jwk, activeFrom: 'soon' })],
  ])('are refused when one %s, and the message shows no key', async (_case, change) => {
    rewrite(change)
    const thrown = await read().catch((error: Error) => error)
    expect(thrown).toMatchObject({ name: 'RegistryStoreRefused', code: 'CA_KEY_MALFORMED' })
    expect(String(thrown)).not.toContain(Buffer.from(key.seed).toString('base64url'))
  })

  it('are refused when one is no JSON', async () => {
    writeFileSync(path(), '{"d":"c2VjcmV0')
    const thrown = (await read().catch((error: Error) => error)) as Error
    expect(thrown).toMatchObject({ code: 'CA_KEY_MALFORMED' })
    expect(thrown.cause).toBeUndefined()
    expect(thrown.message).not.toContain('c2VjcmV0')
  })

  it('are not brought along under an id that leaves the folder', async () => {
    for (const kid of ['../x', 'a/b', '.x', '', 7]) {
      rewrite((jwk) => ({ ...jwk, kid }))
      const reading = readCaKeyFile(path(), createNodeEd25519Signer)
      expect([kid, await rejectionOf(reading)]).toEqual([kid, 'RegistryStoreRefused CA_KEY_MALFORMED'])
    }
  })

  it('may be brought along without a time', async () => {
    mkdirSync(folder, { recursive: true })
    rewrite(({ activeFrom, ...rest }) => rest)
    expect((await readCaKeyFile(path(), createNodeEd25519Signer)).activeFromMs).toBe(0)
  })
})
