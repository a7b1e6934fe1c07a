import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createCoreClient as createBrowserClient } from '../../sdk-browser/src/index.ts'
import type { CoreClientOptions } from '../../sdk-node/src/index.ts'
import {
  CoreAccessError,
  CoreAddressError,
  CoreConnectionError,
  CoreTlsError,
  createCoreClient,
  evaluateToolAccess,
  guard,
} from '../../sdk-node/src/index.ts'
import { refuse, startScriptedCore } from '../fakes/scripted-core.ts'
import { makeServerFiles, type ServerFiles, tlsPath } from '../fakes/tls-files.ts'
import { runCapiscio } from '../tools/core-process.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'

const TOKEN = 'canary-token-abcdefghijklmnopqrstuvwxyz-1'
const WRONG = 'canary-token-abcdefghijklmnopqrstuvwxyz-2'
const pem = (name: string): string => readFileSync(tlsPath(name), 'utf8')
const CA = pem('authority.pem')
const MINE = { ca: CA, cert: pem('client.pem'), key: pem('client-key.pem') }

let files: ServerFiles
let core: ServeProcess

beforeAll(async () => {
  files = await makeServerFiles()
  const tokenFile = join(files.folder, 'token')
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 })
  core = await startServe([
    ...['--tls-cert', files.certFile, '--tls-key', files.keyFile],
    ...['--tls-client-ca', files.clientCaFile, '--token-file', tokenFile],
  ])
})

afterAll(async () => {
  expect(core.output()).not.toContain('canary')
  await core[Symbol.asyncDispose]()
  await files[Symbol.asyncDispose]()
})

afterEach(() => vi.unstubAllEnvs())

async function errorWith(options: CoreClientOptions): Promise<Error & { code?: string }> {
  await using client = createCoreClient(options)
  const error = await evaluateToolAccess('read', {}, { client }).then(
    () => expect.unreachable('the call must be rejected'),
    (thrown) => thrown,
  )
  const shown = inspect(error, { depth: 9, showHidden: true, getters: true })
  expect(shown).not.toContain('canary')
  expect(shown).not.toContain('PRIVATE KEY')
  return error
}

describe('a core over TLS that wants a certificate and a token', () => {
  test('guards a tool', async () => {
    await using client = createCoreClient({ address: core.addresses.tcp, tls: MINE, token: TOKEN })
    const tool = guard({ tool: 'read', client }, async ({ row }: { row: number }) => row + 1)
    expect(await tool({ row: 1 })).toBe(2)
  })

  test('takes decisions that wait together, with the token on their stream', async () => {
    await using client = createCoreClient({ address: core.addresses.tcp, tls: MINE, token: TOKEN })
    const answers = await Promise.all(Array.from({ length: 40 }, () => evaluateToolAccess('read', {}, { client })))
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(40).fill('ALLOW'))
  })

  test('is reached by what the environment says', async () => {
    vi.stubEnv('CAPISCIO_CORE_ADDR', core.addresses.tcp)
    vi.stubEnv('CAPISCIO_CORE_TLS_CA', tlsPath('authority.pem'))
    vi.stubEnv('CAPISCIO_CORE_TLS_CERT', tlsPath('client.pem'))
    vi.stubEnv('CAPISCIO_CORE_TLS_KEY', tlsPath('client-key.pem'))
    vi.stubEnv('CAPISCIO_CORE_TOKEN', TOKEN)
    await using client = createCoreClient()
    expect((await evaluateToolAccess('read', {}, { client })).outcome).toBe('ALLOW')
    vi.stubEnv('CAPISCIO_CORE_TLS_SERVER_NAME', 'core.example.com')
    await using misnamed = createCoreClient()
    await expect(evaluateToolAccess('read', {}, { client: misnamed })).rejects.toThrow(CoreTlsError)
  })

  test('gets nothing of the environment when the program names it itself', async () => {
    vi.stubEnv('CAPISCIO_CORE_ADDR', 'unix:/nowhere')
    vi.stubEnv('CAPISCIO_CORE_TOKEN', TOKEN)
    expect(await errorWith({ address: core.addresses.tcp, tls: MINE })).toBeInstanceOf(CoreAccessError)
    vi.stubEnv('CAPISCIO_CORE_TOKEN', 'not read, or it would be refused')
    vi.stubEnv('CAPISCIO_CORE_TLS_CA', '/not/read')
    await using client = createCoreClient({ address: 'unix:/nowhere' })
    expect(client.timeoutMs).toBe(10_000)
  })

  test('that repeats the token in an answer does not bring it into an error', async () => {
    await using echo = await startScriptedCore(() => refuse(status.PERMISSION_DENIED, `not with ${TOKEN}`))
    expect((await errorWith({ address: echo.address, token: TOKEN })).message).toContain('not with [redacted]')
  })

  test.each<[what: string, options: CoreClientOptions, says: RegExp]>([
    ['no token', { tls: MINE }, /CAPISCIO_CORE_TOKEN/],
    ['a wrong token', { tls: MINE, token: WRONG }, /not one that this core accepts/],
  ])('with %s is an access error that says what to do', async (_what, options, says) => {
    const error = await errorWith({ address: core.addresses.tcp, ...options })
    expect([error.constructor, error.code]).toEqual([CoreAccessError, 'CORE_ACCESS_REFUSED'])
    expect(error.message).toMatch(says)
  })

  test.each<[what: string, options: CoreClientOptions, says: RegExp]>([
    ['no authority', {}, /tls\.ca/],
    ['another authority', { tls: { ...MINE, ca: pem('other-authority.pem') } }, /tls\.ca/],
    ['another name', { tls: { ...MINE, serverName: 'core.example.com' } }, /serverName/],
  ])('with %s is a TLS error that says what to do', async (_what, options, says) => {
    const error = await errorWith({ address: core.addresses.tcp, token: TOKEN, ...options })
    expect([error.constructor, error.code]).toEqual([CoreTlsError, 'CORE_TLS_FAILED'])
    expect(error).toBeInstanceOf(CoreConnectionError)
    expect(error.message).toMatch(says)
  })

  // Which of the two it is hangs on what the client sees first: the alert, or the end of the connection.
  test.each<[what: string, tls: CoreClientOptions['tls']]>([
    ['no certificate of its own', { ca: CA }],
    [
      'a certificate that the core does not accept',
      { ca: CA, cert: pem('foreign-client.pem'), key: pem('foreign-client-key.pem') },
    ],
  ])('with %s is a connection error that speaks of the certificate', async (_what, tls) => {
    const error = await errorWith({ address: core.addresses.tcp, token: TOKEN, tls })
    expect(error).toBeInstanceOf(CoreConnectionError)
    expect(error.message).toMatch(/want.? a client certificate|does not accept the certificate/)
  })

  test('is never asked in plaintext', async () => {
    const { host } = new URL(core.addresses.tcp)
    expect((await errorWith({ address: host, token: TOKEN })).constructor).toBe(CoreConnectionError)
  })

  test('is shown by capiscio status', async () => {
    const env = {
      HOME: core.folder,
      CAPISCIO_CORE_TLS_CA: tlsPath('authority.pem'),
      CAPISCIO_CORE_TLS_CERT: tlsPath('client.pem'),
      CAPISCIO_CORE_TLS_KEY: tlsPath('client-key.pem'),
      CAPISCIO_CORE_TOKEN: TOKEN,
    }
    const ask = (more: Record<string, string>, address = core.addresses.tcp) =>
      runCapiscio(['status', '--address', address], { env: { ...env, ...more } })
    expect(await ask({})).toMatchObject({ code: 0, stdout: expect.stringContaining('ready     yes') })
    const refusals = [
      await ask({ CAPISCIO_CORE_TOKEN: WRONG }),
      await ask({ CAPISCIO_CORE_TLS_CA: tlsPath('other-authority.pem') }),
      await ask({ CAPISCIO_CORE_TLS_SERVER_NAME: 'core.example.com' }),
      await ask({ CAPISCIO_CORE_TLS_CA: '/nothing' }),
      await ask({}, '192.0.2.1:50051'),
      await ask({}, `${core.addresses.tcp}/path`),
    ]
    expect(refusals.map(({ code, stdout }) => [code, stdout])).toEqual(refusals.map(() => [1, '']))
    const said = refusals.map(({ stderr }) => stderr)
    expect(said).toEqual([
      expect.stringContaining('not one that this core accepts'),
      expect.stringContaining('not trusted'),
      expect.stringContaining('altnames'),
      expect.stringContaining('cannot be used'),
      expect.stringContaining('never sent in plaintext'),
      expect.stringContaining('with nothing else in it'),
    ])
    expect(said.join()).not.toContain('canary')
  })
})

describe('a server that is no core with TLS', () => {
  const listen = (server: { listen: (...args: never[]) => unknown; address(): unknown }): Promise<number> =>
    new Promise((resolve) => {
      server.listen(...([0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)] as never[]))
    })

  test.each<[what: string, name: string, says: RegExp]>([
    ['whose certificate is for another name', 'elsewhere', /another name/],
    ['whose certificate is expired', 'expired', /not valid now/],
    ['whose certificate is of another authority', 'foreign', /not trusted here/],
  ])('%s is refused', async (_what, name, says) => {
    const server = createTlsServer({ cert: pem(`${name}.pem`), key: pem(`${name}-key.pem`), ALPNProtocols: ['h2'] })
    server.on('tlsClientError', () => {})
    const port = await listen(server)
    const error = await errorWith({ address: `https://localhost:${port}`, tls: { ca: CA }, token: TOKEN })
    server.close()
    expect(error.constructor).toBe(CoreTlsError)
    expect(error.message).toMatch(says)
  })

  test.each<[what: string, options: object, says: RegExp]>([
    ['that speaks TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, /too old/],
    ['that speaks HTTP/1.1 only', { ALPNProtocols: ['http/1.1'] }, /web listener/],
  ])('%s is refused', async (_what, options, says) => {
    const server = createTlsServer({
      cert: pem('server.pem'),
      key: pem('server-key.pem'),
      ALPNProtocols: ['h2'],
      ...options,
    })
    server.on('tlsClientError', () => {})
    const port = await listen(server)
    const error = await errorWith({ address: `https://localhost:${port}`, tls: { ca: CA }, token: TOKEN })
    server.close()
    expect(error.constructor).toBe(CoreTlsError)
    expect(error.message).toMatch(says)
  })

  test('that speaks plaintext is refused, and sees no token', async () => {
    let received = ''
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      })
    })
    const port = await listen(server)
    const error = await errorWith({ address: `https://localhost:${port}`, tls: { ca: CA }, token: TOKEN })
    server.close()
    expect(error.message).toMatch(/speaks no TLS/)
    expect(received).not.toContain('canary')
  })
})

describe('settings that protect nothing', () => {
  test.each<[what: string, options: object, error: unknown]>([
    ['tls for plaintext', { address: '127.0.0.1:1', tls: { ca: CA } }, CoreAddressError],
    ['a server name for plaintext', { address: '127.0.0.1:1', tls: { serverName: 'a' } }, CoreAddressError],
    [
      'a certificate for plaintext',
      { address: '127.0.0.1:1', tls: { cert: MINE.cert, key: MINE.key } },
      CoreAddressError,
    ],
    ['tls for a Unix socket', { address: 'unix:/a', tls: MINE }, CoreAddressError],
    [
      'a token in plaintext to another machine',
      { address: '192.0.2.1:1', insecure: true, token: TOKEN },
      CoreAddressError,
    ],
    ['a token in plaintext to a name', { address: 'core:1', insecure: true, token: TOKEN }, CoreAddressError],
    ['a token in plaintext to IPv6', { address: '[2001:db8::1]:1', insecure: true, token: TOKEN }, CoreAddressError],
    ['a certificate without a key', { address: 'https://h', tls: { cert: MINE.cert } }, TypeError],
    ['a key without a certificate', { address: 'https://h', tls: { key: MINE.key } }, TypeError],
    ['a key of another certificate', { address: 'https://h', tls: { ...MINE, key: pem('server-key.pem') } }, TypeError],
    ['an authority that is no PEM', { address: 'https://h', tls: { ca: 'ca.pem' } }, TypeError],
    ['a number for a certificate', { address: 'https://h', tls: { ca: 1 } }, TypeError],
    ['an empty server name', { address: 'https://h', tls: { serverName: '' } }, TypeError],
    ['an unknown field', { address: 'https://h', tls: { rejectUnauthorized: false } }, TypeError],
    ['a token with its scheme', { address: 'https://h', token: `Bearer ${TOKEN}` }, TypeError],
    ['an empty token', { address: 'https://h', token: '' }, TypeError],
    ['a token for an embedded core', { token: TOKEN }, TypeError],
  ])('%s is refused when the client is made', (_what, options, error) => {
    vi.stubEnv('CAPISCIO_CORE_ADDR', '')
    let thrown: unknown
    try {
      createCoreClient(options as CoreClientOptions)
    } catch (refused) {
      thrown = refused
    }
    expect(thrown).toBeInstanceOf(error)
    expect(inspect(thrown)).not.toMatch(/canary|PRIVATE KEY/)
  })

  test.each([
    ['127.0.0.1:1', 'loopback'],
    ['[::1]:1', 'loopback of IPv6'],
    ['localhost:1', 'its name'],
    ['unix:/a', 'a Unix socket'],
  ])('a token for %s, %s, is fine', async (address) => {
    await using client = createCoreClient({ address, token: TOKEN })
    expect(client.timeoutMs).toBe(10_000)
  })

  test.each<[name: string, value: string]>([
    ['CAPISCIO_CORE_TLS_CA', '/nothing.pem'],
    ['CAPISCIO_CORE_TLS_CA', tlsPath('README.md')],
    ['CAPISCIO_CORE_TLS_CERT', tlsPath('client.pem')],
    ['CAPISCIO_CORE_TOKEN', 'two words'],
  ])('%s=%s is refused', (name, value) => {
    vi.stubEnv('CAPISCIO_CORE_ADDR', 'https://localhost:1')
    vi.stubEnv(name, value)
    expect(() => createCoreClient()).toThrow(CoreAddressError)
  })

  test('variables for TLS are refused where the address is plaintext', () => {
    vi.stubEnv('CAPISCIO_CORE_ADDR', '127.0.0.1:1')
    vi.stubEnv('CAPISCIO_CORE_TLS_CA', tlsPath('authority.pem'))
    expect(() => createCoreClient()).toThrow(CoreAddressError)
  })
})

describe('the browser SDK', () => {
  const seen: (string | null)[] = []
  const fetch = async (_input: unknown, init?: RequestInit): Promise<Response> => {
    seen.push(new Headers(init?.headers).get('authorization'))
    return new Response(JSON.stringify({ code: 'unauthenticated', message: `no ${TOKEN}` }), {
      status: 401,
      headers: { 'content-type': 'application/json' },
    })
  }

  test('sends its token with every call, and keeps it out of errors', async () => {
    for (const baseUrl of [
      'https://core.example.com',
      'http://127.0.0.1:50052',
      'http://[::1]:1',
      'http://localhost:1',
    ]) {
      const error = await createBrowserClient({ baseUrl, token: TOKEN, fetch })
        .getServerInfo()
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'CORE_ACCESS_REFUSED' })
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(TOKEN)
      expect(seen.pop()).toBe(`Bearer ${TOKEN}`)
    }
  })

  test('sends none unless it has one', async () => {
    await createBrowserClient({ baseUrl: 'https://core.example.com', fetch })
      .getServerInfo()
      .catch(() => {})
    expect(seen.pop()).toBeNull()
  })

  test('never sends it in plaintext to another machine', () => {
    const make = (more: object) => () =>
      createBrowserClient({ baseUrl: 'http://192.0.2.1', insecure: true, fetch, ...more })
    expect(make({ token: TOKEN })).toThrow('https')
    expect(make({})).not.toThrow()
    expect(make({ baseUrl: 'https://h', token: 'two words' })).toThrow(TypeError)
    expect(make({ baseUrl: 'https://h', token: 1 })).toThrow(TypeError)
  })
})
