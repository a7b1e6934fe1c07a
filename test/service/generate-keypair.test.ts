import { createPrivateKey, createPublicKey } from 'node:crypto'
import { chmod, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CoreService } from '@capiscio/proto/core/v1'
import { SimpleGuardService } from '@capiscio/proto/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCapiscio } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'

const { generateKeypair } = CoreService.method
const { generateKeyPair, getKeyInfo } = SimpleGuardService.method

let core: ServeProcess
let client: RawClient
let keysFolder: string
const key = (...args: readonly string[]) =>
  runCapiscio(['key', ...args, '--state-dir', join(core.folder, 'state')], { env: { HOME: core.folder } })

beforeAll(async () => {
  core = await startServe([])
  client = createRawClient(core.addresses.tcp)
  keysFolder = join(core.folder, 'state', 'keys')
})

afterAll(async () => {
  client[Symbol.dispose]()
  await core[Symbol.asyncDispose]()
})

describe('GenerateKeypair', () => {
  it('gives one key in all its forms, and keeps nothing of it', async () => {
    const pair = await client.call(generateKeypair, {})
    expect(pair.keyId).toMatch(/^key-[\w-]{6}$/)
    const jwk = createPublicKey(pair.publicKeyPem).export({ format: 'jwk' })
    expect(JSON.parse(pair.publicKeyJwk)).toEqual({ ...jwk, kid: pair.didKey, alg: 'EdDSA', use: 'sig' })
    expect(createPrivateKey(pair.privateKeyPem).export({ format: 'jwk' })).toMatchObject(jwk)
    expect(pair.didKey).toMatch(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/)
    await expect(readdir(keysFolder)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('keeps a private key when asked, and then gives it to nobody', async () => {
    const pair = await client.call(generateKeypair, { keyId: 'kept', keepPrivateKey: true })
    expect(pair).toMatchObject({ keyId: 'kept', privateKeyPem: '' })
    expect(await readdir(keysFolder)).toEqual(['kept.json'])
    const { seed } = JSON.parse(await readFile(join(keysFolder, 'kept.json'), 'utf8'))
    const info = await client.call(getKeyInfo, { keyId: 'kept' })
    expect(info).toMatchObject({
      keyId: 'kept',
      hasPrivateKey: true,
      publicKeyPem: pair.publicKeyPem,
      errorMessage: '',
    })
    expect(Date.parse(info.createdAt?.value ?? '')).not.toBeNaN()
    const [shown, listed] = [await key('show', 'kept'), await key('list', '--json')]
    const said = [JSON.stringify(pair), JSON.stringify(info.publicKeyPem), shown.stdout, shown.stderr, listed.stdout]
    expect([...said, core.output()].filter((text) => text.includes(seed))).toEqual([])
  })

  it.each([true, false])('never gives a kept name to another key (keep: %s)', async (keepPrivateKey) => {
    const before = await readFile(join(keysFolder, 'kept.json'), 'utf8')
    await expect(client.call(generateKeypair, { keyId: 'kept', keepPrivateKey })).rejects.toMatchObject({
      code: status.ALREADY_EXISTS,
      details: expect.stringContaining('choose another name'),
    })
    expect(await readFile(join(keysFolder, 'kept.json'), 'utf8')).toBe(before)
  })

  it.each(['../kept', '.', 'a/b', 'a b', 'a'.repeat(129)])('refuses the name %j', async (keyId) => {
    await expect(client.call(generateKeypair, { keyId, keepPrivateKey: true })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('key_id: must have 1 to 128 letters'),
    })
    expect(await readdir(keysFolder)).toEqual(['kept.json'])
  })

  it('keeps no key where others could read it, and says no more than that', async () => {
    await chmod(keysFolder, 0o755)
    await expect(client.call(generateKeypair, { keyId: 'other', keepPrivateKey: true })).rejects.toMatchObject({
      code: status.INTERNAL,
      details: expect.not.stringContaining(keysFolder),
    })
    await expect.poll(() => core.output()).toContain('KEY_STORE_EXPOSED')
    expect((await key('list')).stderr).toBe(
      `capiscio: ${keysFolder} must be a folder of this user that nobody else can enter: chmod 700 ${keysFolder}, and replace its keys if somebody may have read them.\n`,
    )
    await chmod(keysFolder, 0o700)
  })
})

describe('GenerateKeyPair and GetKeyInfo of the old contract', () => {
  it('say in their own field that a name is kept for another key', async () => {
    const answer = await client.call(generateKeyPair, { keyId: 'kept' })
    expect(answer.errorMessage).toContain('choose another name')
    expect([answer.keyId, answer.privateKey.length, answer.privateKeyPem]).toEqual(['', 0, ''])
  })

  it.each(['../kept', 'a/b', '..'])('refuse the name %j', async (keyId) => {
    expect((await client.call(generateKeyPair, { keyId })).errorMessage).toContain('key_id must have')
    expect(await client.call(getKeyInfo, { keyId })).toMatchObject({
      keyId: '',
      errorMessage: expect.stringMatching(/./),
    })
  })

  it('describe nothing that is not kept', async () => {
    const { keyId } = await client.call(generateKeyPair, { keyId: 'given' })
    expect(await client.call(getKeyInfo, { keyId })).toMatchObject({
      keyId: '',
      hasPrivateKey: false,
      errorMessage: 'no key of this name is kept here',
    })
  })
})

describe('capiscio key', () => {
  it('lists, shows and removes what is kept', async () => {
    const { didKey, publicKeyPem } = await client.call(generateKeypair, { keyId: 'second', keepPrivateKey: true })
    const listed = await key('list', '--json')
    expect(JSON.parse(listed.stdout).keys.map(({ id }: { id: string }) => id)).toEqual(['kept', 'second'])
    expect((await key('list')).stdout).toMatch(/^KEY +DID +CREATED\nkept .*\nsecond .*\n$/)
    const shown = await key('show', 'second', '--json')
    expect(JSON.parse(shown.stdout)).toMatchObject({
      id: 'second',
      did: didKey,
      publicKeyPem,
      publicKeyJwk: { kid: didKey },
    })
    expect((await key('show', 'second')).stdout).toContain(publicKeyPem)
    expect((await key('remove', 'second')).code).toBe(0)
    expect(await readdir(keysFolder)).toEqual(['kept.json'])
  })

  it('says what is not there, and what is no name', async () => {
    for (const verb of ['show', 'remove']) {
      const missing = await key(verb, 'nothing')
      expect([missing.code, missing.stdout]).toEqual([1, ''])
      expect(missing.stderr).toContain('capiscio key list')
      expect(await key(verb, '../kept')).toMatchObject({ code: 2, stdout: '' })
    }
    expect(JSON.parse((await key('remove', 'nothing', '--json')).stdout)).toMatchObject({ valid: false })
  })

  it('says that there are no keys', async () => {
    const empty = await runCapiscio(['key', 'list'], { env: { HOME: core.folder } })
    expect(empty).toMatchObject({ code: 0, stdout: '', stderr: 'The core keeps no keys.\n' })
  })
})
