import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { addTrustCommand } from '../../../core/src/cli/trust.ts'
import { toPrivateJwk, toPublicJwk } from '../../../core/src/domain/did/key-jwk.ts'
import { keyThumbprint } from '../../../core/src/domain/did/key-thumbprint.ts'
import { type RunCommandOptions, runCommand } from '../../tools/run-command.ts'
import { sampleKey } from '../../tools/sample-keys.ts'

const ISSUER = 'https://registry.example.com'
const { publicKey, did, x } = sampleKey(1)

let folder: string
let server: Server | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-trust-'))
})

afterEach(() => {
  server?.close()
  server = undefined
  rmSync(folder, { recursive: true })
})

const run = (args: readonly string[], options: RunCommandOptions = {}) =>
  runCommand(addTrustCommand, ['trust', ...args], { ...options, env: { HOME: folder, ...options.env } })

function write(name: string, value: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}

const keyFile = () => write('ca.jwk', toPublicJwk(publicKey, 'ca-1'))

async function listed(options?: RunCommandOptions): Promise<unknown> {
  return (await run(['list', '--json'], options)).json()['keys']
}

async function serve(answer: string, status = 200): Promise<string> {
  const listening = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(answer)
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/jwks.json`
}

describe.each(['add', 'list', 'remove'])('trust %s', (name) => {
  test('--help shows an example and the exit codes', async () => {
    const { code, stdout } = await run([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  \\$ capiscio trust ${name}`))
    expect(stdout).toContain('Exit codes:')
    expect(stdout).toContain('--json')
  })

  test('an unknown option is wrong usage', async () => {
    expect((await run([name, '--nonsense'])).code).toBe(2)
  })

  test('a configuration that is refused is said', async () => {
    const config = write('bad.yaml', 'nonsense: 1\n')
    const args = { add: ['--did', did], list: [], remove: ['x'] }[name] ?? []
    const { code, stderr } = await run([name, ...args, '--config', config])
    expect([code, stderr]).toEqual([1, expect.stringContaining('nonsense')])
  })
})

describe('trust add', () => {
  test('pins the key of an issuer', async () => {
    expect(await run(['add', keyFile(), '--issuer', ISSUER])).toMatchObject({
      code: 0,
      stdout: `pinned  ${ISSUER}  ca-1\n`,
    })
    expect(await listed()).toEqual([
      {
        kind: 'issuer',
        issuer: ISSUER,
        kid: 'ca-1',
        thumbprint: keyThumbprint(publicKey),
        addedAt: expect.any(String),
      },
    ])
    expect((await run(['add', keyFile(), '--issuer', ISSUER])).stdout).toContain('pinned before')
    expect((await run(['add', keyFile(), '--issuer', ISSUER, '--json'])).json()).toMatchObject({
      added: [{ issuer: ISSUER, kid: 'ca-1', new: false }],
      skipped: [],
    })
  })

  test('pins the did:key of an agent', async () => {
    expect(await run(['add', '--did', did])).toMatchObject({ code: 0, stdout: `pinned  ${did}\n` })
    expect(await listed()).toMatchObject([{ kind: 'agent', did }])
  })

  test('reads a key from standard input', async () => {
    const stdin = JSON.stringify(toPublicJwk(publicKey, 'ca-1'))
    expect((await run(['add', '-', '--issuer', ISSUER], { stdin })).code).toBe(0)
    expect(await listed()).toMatchObject([{ kid: 'ca-1' }])
  })

  test('names a key by --kid, or by its thumbprint where it has no name', async () => {
    const unnamed = write('k.jwk', { kty: 'OKP', crv: 'Ed25519', x })
    await run(['add', unnamed, '--issuer', ISSUER])
    await run(['add', unnamed, '--issuer', ISSUER, '--kid', 'mine'])
    expect(await listed()).toMatchObject([{ kid: keyThumbprint(publicKey) }, { kid: 'mine' }])
  })

  test('pins the usable keys of a key set, and says what it left out', async () => {
    const jwks = {
      keys: [toPublicJwk(publicKey, 'a'), { kty: 'RSA', kid: 'r' }, toPublicJwk(sampleKey(2).publicKey, 'b')],
    }
    const file = write('jwks.json', jwks)
    const { code, stdout, stderr } = await run(['add', '--from-jwks', file, '--issuer', ISSUER])
    expect([code, stdout]).toEqual([0, `pinned  ${ISSUER}  a\npinned  ${ISSUER}  b\n`])
    expect(stderr).toBe('skipped r: The JWK is not an Ed25519 key\n')
    expect(
      (await run(['add', '--from-jwks', '-', '--issuer', ISSUER, '--json'], { stdin: JSON.stringify(jwks) })).json(),
    ).toMatchObject({
      added: [{ kid: 'a' }, { kid: 'b' }],
      skipped: [{ name: 'r' }],
    })
  })

  test('fetches a key set', async () => {
    const url = await serve(JSON.stringify({ keys: [toPublicJwk(publicKey, 'a')] }))
    expect(await run(['add', '--from-jwks', url, '--issuer', ISSUER])).toMatchObject({
      code: 0,
      stdout: `pinned  ${ISSUER}  a\n`,
    })
    expect(await listed()).toMatchObject([{ kid: 'a', issuer: ISSUER }])
  })

  test.each(['http://registry.example.com/jwks.json', 'https://127.0.0.1:1/jwks.json'])(
    'pins nothing that cannot be fetched: %s',
    async (url) => {
      const { code, stdout } = await run(['add', '--from-jwks', url, '--issuer', ISSUER, '--json'])
      expect([code, JSON.parse(stdout)]).toEqual([
        1,
        { ok: false, code: 'SOURCE_UNAVAILABLE', message: expect.any(String) },
      ])
      expect(await listed()).toEqual([])
    },
  )

  test('pins nothing from an answer that is no key set', async () => {
    for (const [answer, status] of [
      ['{"keys":[]}', 200],
      ['nonsense', 200],
      ['{"keys":[]}', 500],
    ] as const) {
      const url = await serve(answer, status)
      expect((await run(['add', '--from-jwks', url, '--issuer', ISSUER])).code).toBe(1)
      server?.close()
    }
    expect(await listed()).toEqual([])
  })

  test.each<[string, unknown]>([
    ['a private key', toPrivateJwk(publicKey, new Uint8Array(32).fill(1), 'ca-1')],
    [
      'a set with a private key',
      { keys: [toPublicJwk(sampleKey(2).publicKey, 'b'), toPrivateJwk(publicKey, new Uint8Array(32).fill(1), 'a')] },
    ],
  ])('refuses %s, keeps nothing, and says so', async (_what, value) => {
    const file = write('private.jwk', value)
    for (const args of [[file], ['--from-jwks', file]]) {
      const { code, stdout, stderr } = await run(['add', ...args, '--issuer', ISSUER])
      expect([code, stdout]).toEqual([1, ''])
      if (args.length > 1 || !('keys' in (value as object))) expect(stderr).toContain('nothing of it was kept')
      expect(stderr).not.toContain('AQEB')
    }
    expect(existsSync(join(folder, '.capiscio'))).toBe(false)
  })

  test.each<[string, unknown, string]>([
    ['an RSA key', { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, 'KEY_MALFORMED'],
    ['no JSON', 'nonsense', 'JWKS_MALFORMED'],
    ['two keys', { keys: [toPublicJwk(publicKey, 'a'), toPublicJwk(publicKey, 'b')] }, 'INPUT_REFUSED'],
    ['no key', { keys: [] }, 'KEY_MALFORMED'],
    ['a key name with a line break', toPublicJwk(publicKey, 'a\nb'), 'TRUST_KEY_ID_INVALID'],
  ])('refuses a file with %s', async (_what, value, refusal) => {
    const { code, stdout } = await run(['add', write('k.jwk', value), '--issuer', ISSUER, '--json'])
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { ok: false, code: refusal }])
    expect(await listed()).toEqual([])
  })

  test('refuses a set without a usable key, and names each', async () => {
    const { code, stderr } = await run([
      'add',
      '--from-jwks',
      write('k.json', { keys: [{ kty: 'RSA' }] }),
      '--issuer',
      ISSUER,
    ])
    expect([code, stderr]).toEqual([1, 'key 0: The JWK is not an Ed25519 key\ncapiscio: There is no key to pin\n'])
  })

  test('asks whose key it is, and knows the agent that it would be', async () => {
    const { code, stderr } = await run(['add', keyFile()])
    expect([code, stderr]).toEqual([1, expect.stringContaining(`capiscio trust add --did ${did}`)])
  })

  test.each([
    [['--issuer', 'registry.example.com', '{file}'], 'TRUST_ISSUER_INVALID'],
    [['--did', 'did:key:z6Mk'], 'DID_MALFORMED'],
    [['missing.jwk', '--issuer', ISSUER], 'INPUT_REFUSED'],
    [['.', '--issuer', ISSUER], 'INPUT_REFUSED'],
    [['-', '--issuer', ISSUER], 'INPUT_REFUSED'],
  ])('refuses %j', async (args, refusal) => {
    const { code, stdout } = await run(['add', '--json', ...args.map((arg) => (arg === '{file}' ? keyFile() : arg))])
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { code: refusal }])
  })

  test('refuses another key under a name that is taken', async () => {
    await run(['add', keyFile(), '--issuer', ISSUER])
    const other = write('other.jwk', toPublicJwk(sampleKey(2).publicKey, 'ca-1'))
    expect((await run(['add', other, '--issuer', ISSUER, '--json'])).json()).toMatchObject({
      code: 'TRUST_KEY_CONFLICT',
    })
  })

  test('refuses more than it reads', async () => {
    const stdin = new Uint8Array(1024 * 1024 + 1).fill(0x20)
    expect((await run(['add', '-', '--issuer', ISSUER], { stdin })).stderr).toContain('longer than 1048576 bytes')
    expect((await run(['add', '-', '--issuer', ISSUER], { stdin: Uint8Array.of(0xff) })).stderr).toContain('not UTF-8')
  })

  test.each([
    [[]],
    [['{file}', '--did', did]],
    [['{file}', '--from-jwks', '-', '--issuer', ISSUER]],
    [['--from-jwks', '-']],
    [['--from-jwks', '-', '--issuer', ISSUER, '--kid', 'k']],
    [['--did', did, '--issuer', ISSUER]],
    [['--did', did, '--kid', 'k']],
  ])('is wrong usage with %j', async (args) => {
    const { code, stdout } = await run(['add', ...args.map((arg) => (arg === '{file}' ? keyFile() : arg))])
    expect([code, stdout]).toEqual([2, ''])
  })
})

describe('where the keys are', () => {
  test('is told by flag, variable, configuration and home, in this order', async () => {
    const config = write('capiscio.yaml', 'trust: { storePath: from-file }\n')
    const env = { CAPISCIO_TRUST_PATH: join(folder, 'from-env') }
    await run(['add', '--did', did, '--config', config, '--trust-store', join(folder, 'from-flag')], { env })
    await run(['add', '--did', did, '--config', config], { env })
    await run(['add', '--did', did, '--config', config])
    await run(['add', '--did', did])
    for (const place of ['from-flag', 'from-env', 'from-file', '.capiscio/trust']) {
      expect(readdirSync(join(folder, place, 'agents'))).toHaveLength(1)
    }
  })
})

describe('trust list', () => {
  test('shows both kinds, and warns of what does not count', async () => {
    expect(await run(['list'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('No key is pinned'),
    })
    await run(['add', keyFile(), '--issuer', ISSUER])
    await run(['add', '--did', did])
    writeFileSync(join(folder, '.capiscio/trust/agents', `${'0'.repeat(64)}.json`), '{}', { mode: 0o600 })
    const { stdout, stderr } = await run(['list'])
    expect(stdout).toMatch(/^KIND +WHOSE +KID +ADDED$/m)
    expect(stdout).toMatch(/^issuer +https:\/\/registry\.example\.com +ca-1 +\d{4}-\d\d-\d\d$/m)
    expect(stdout).toMatch(new RegExp(`^agent +${did} +\\d{4}-\\d\\d-\\d\\d$`, 'm'))
    expect(stderr).toMatch(/^warning: agents\/0{64} does not count: /)
    expect((await run(['list', '--json'])).json()['problems']).toHaveLength(1)
  })

  test('says that a store cannot be used', async () => {
    const path = write('file', '')
    expect(await run(['list', '--trust-store', path])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('not a folder'),
    })
  })
})

describe('trust remove', () => {
  beforeEach(async () => {
    await run(['add', keyFile(), '--issuer', ISSUER])
    await run(['add', keyFile(), '--issuer', 'https://b.example'])
    await run(['add', '--did', did])
  })

  test('removes an agent', async () => {
    expect(await run(['remove', did])).toMatchObject({ code: 0, stdout: `removed  ${did}\n` })
    expect(await listed()).toHaveLength(2)
    expect(await run(['remove', did])).toMatchObject({ code: 1, stdout: '' })
  })

  test('wants to know whose key, where two issuers have one of this name', async () => {
    const { code, stderr } = await run(['remove', 'ca-1'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('--issuer')])
    expect(await listed()).toHaveLength(3)
    expect((await run(['remove', 'ca-1', '--issuer', `${ISSUER}/`, '--json'])).json()).toMatchObject({
      removed: { issuer: ISSUER },
    })
    expect(await run(['remove', 'ca-1'])).toMatchObject({ code: 0, stdout: 'removed  https://b.example  ca-1\n' })
    expect(await listed()).toMatchObject([{ did }])
  })

  test.each([
    [['nothing']],
    [['ca-1', '--issuer', 'https://c.example']],
    [[did, '--issuer', ISSUER]],
    [['ca-1', '--issuer', 'nonsense']],
  ])('removes nothing for %j', async (args) => {
    expect(await run(['remove', ...args, '--json'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"ok": false'),
    })
    expect(await listed()).toHaveLength(3)
  })

  test('needs a name', async () => {
    expect((await run(['remove'])).code).toBe(2)
  })
})

test('a store of earlier tools is shown, and taken over by the first change', async () => {
  const store = join(folder, 'old')
  const options = { env: { CAPISCIO_TRUST_PATH: store } }
  await run(['add', '--did', sampleKey(3).did, '--trust-store', store])
  rmSync(join(store, 'taken-over'))
  writeFileSync(join(store, 'issuers.json'), JSON.stringify({ [ISSUER]: ['ca-1'] }), { mode: 0o600 })
  writeFileSync(join(store, 'ca-1.jwk'), readFileSync(keyFile()), { mode: 0o600 })
  expect(await listed(options)).toHaveLength(2)
  await run(['remove', 'ca-1'], options)
  expect(await listed(options)).toMatchObject([{ kind: 'agent' }])
  expect(existsSync(join(store, 'ca-1.jwk'))).toBe(true)
})
