import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import { ServerCredentials, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { CoreClient, ToolAccess } from '../../sdk-node/src/index.ts'
import {
  CallAbortedError,
  ClientClosedError,
  CoreAccessError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CoreUnavailableError,
  CoreVersionError,
  createCoreClient,
  evaluateToolAccess,
  getDefaultCoreClient,
  guard,
  InvalidRequestError,
  MethodUnimplementedError,
  RequestTooLargeError,
  resetDefaultCoreClient,
  setDefaultCoreClient,
} from '../../sdk-node/src/index.ts'
import { allow, deny, hang, refuse, startScriptedCore } from '../fakes/scripted-core.ts'

const SECRET = 'canary-badge-0001'

function ask(client: CoreClient, options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<ToolAccess> {
  return evaluateToolAccess('read', { query: 'x' }, { credential: { badge: SECRET }, client, ...options })
}

function errorOf(call: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  return call.then(
    () => expect.unreachable('the call must be rejected'),
    (error) => error,
  )
}

describe('a status instead of a decision', () => {
  test.each<[name: keyof typeof status, expected: abstract new (...args: never[]) => Error, code: string]>([
    ['INVALID_ARGUMENT', InvalidRequestError, 'REQUEST_INVALID'],
    ['UNAVAILABLE', CoreUnavailableError, 'CORE_UNAVAILABLE'],
    ['CANCELLED', CoreUnavailableError, 'CORE_UNAVAILABLE'],
    ['DEADLINE_EXCEEDED', CoreTimeoutError, 'CORE_TIMEOUT'],
    ['RESOURCE_EXHAUSTED', RequestTooLargeError, 'REQUEST_TOO_LARGE'],
    ['UNIMPLEMENTED', MethodUnimplementedError, 'METHOD_UNIMPLEMENTED'],
    ['UNAUTHENTICATED', CoreAccessError, 'CORE_ACCESS_REFUSED'],
    ['PERMISSION_DENIED', CoreAccessError, 'CORE_ACCESS_REFUSED'],
    ['INTERNAL', CoreFaultError, 'CORE_FAULT'],
    ['UNKNOWN', CoreFaultError, 'CORE_FAULT'],
    ['ABORTED', CoreFaultError, 'CORE_FAULT'],
    ['FAILED_PRECONDITION', CoreFaultError, 'CORE_FAULT'],
    ['DATA_LOSS', CoreFaultError, 'CORE_FAULT'],
  ])('%s is an error with a code, asked once, without the credential', async (name, expected, code) => {
    await using core = await startScriptedCore(() => refuse(Number(status[name]), `because of ${SECRET}.`))
    await using client = createCoreClient({ address: core.address })
    const handler = vi.fn(async () => 1)
    await expect(guard({ tool: 'read', client }, handler)()).rejects.toThrow(expected)
    expect(handler).not.toHaveBeenCalled()
    const error = await errorOf(ask(client))
    expect(error).toBeInstanceOf(expected)
    expect(error.code).toBe(code)
    expect(inspect(error, { depth: 9, showHidden: true, getters: true })).not.toContain(SECRET)
    expect(core.requests).toHaveLength(2)
  })

  test('INVALID_ARGUMENT names the wrong fields', async () => {
    const fieldViolations = [
      { field: 'config.min_trust_level', description: 'must be 0 to 4' },
      { field: 'tool_name', description: `must not hold ${SECRET}` },
    ]
    await using core = await startScriptedCore(() =>
      refuse(status.INVALID_ARGUMENT, 'bad request', { fieldViolations }),
    )
    await using client = createCoreClient({ address: core.address })
    const error = await errorOf(ask(client))
    expect(error.fieldViolations).toEqual([
      fieldViolations[0],
      { field: 'tool_name', description: 'must not hold [redacted]' },
    ])
    expect(error.message).toContain('config.min_trust_level: must be 0 to 4')
  })

  test('UNAVAILABLE tells when to try again', async () => {
    await using core = await startScriptedCore(() => refuse(status.UNAVAILABLE, 'overloaded', { retryAfterMs: 1_500 }))
    await using client = createCoreClient({ address: core.address })
    expect(await errorOf(ask(client))).toMatchObject({
      retryAfterMs: 1_500,
      message: expect.stringContaining('in 1500 ms'),
    })
    core.script = () => refuse(status.UNAVAILABLE, 'shutting down')
    expect(await errorOf(ask(client))).toMatchObject({ name: 'CoreUnavailableError', retryAfterMs: undefined })
    expect(core.requests).toHaveLength(2)
  })

  test('bytes that are no answer are a fault of the core', async () => {
    await using core = await startScriptedCore(() => ({ kind: 'bytes', bytes: Uint8Array.of(0xff, 0xff) }))
    await using client = createCoreClient({ address: core.address })
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreFaultError)
  })

  test('an answer larger than a message may be is refused', async () => {
    await using core = await startScriptedCore((request) => allow(request, { message: 'x'.repeat(5 * 1024 * 1024) }))
    await using client = createCoreClient({ address: core.address })
    expect(await errorOf(ask(client))).toBeInstanceOf(RequestTooLargeError)
  })
})

describe('a call is asked once', () => {
  test('also when the connection breaks after the question arrived', async () => {
    await using core = await startScriptedCore()
    core.script = () => {
      core.dropConnections()
      return hang()
    }
    await using client = createCoreClient({ address: core.address })
    const handler = vi.fn(async () => 1)
    await expect(guard({ tool: 'read', client }, handler)()).rejects.toThrow(CoreConnectionError)
    expect(core.requests).toHaveLength(1)
    expect(handler).not.toHaveBeenCalled()
  })
})

describe('time and abort', () => {
  test('a core that does not answer is given up, and told so', async () => {
    await using core = await startScriptedCore(hang)
    await using client = createCoreClient({ address: core.address, timeoutMs: 60 })
    const error = await errorOf(ask(client))
    expect(error).toBeInstanceOf(CoreTimeoutError)
    expect(error.message).toContain('did not answer EvaluateToolAccess')
    await vi.waitFor(() => expect(core.cancelled()).toBe(1))
  })

  test('the timeout of a call wins over that of its client', async () => {
    await using core = await startScriptedCore(hang)
    await using client = createCoreClient({ address: core.address, timeoutMs: 30_000 })
    expect(await errorOf(ask(client, { timeoutMs: 60 }))).toBeInstanceOf(CoreTimeoutError)
  })

  test('an aborted call is cancelled at the core', async () => {
    await using core = await startScriptedCore(hang)
    await using client = createCoreClient({ address: core.address })
    const controller = new AbortController()
    const call = errorOf(ask(client, { signal: controller.signal }))
    await vi.waitFor(() => expect(core.requests).toHaveLength(1))
    controller.abort('user left')
    expect(await call).toMatchObject({ name: 'AbortError', cause: 'user left' })
    await vi.waitFor(() => expect(core.cancelled()).toBe(1))
  })

  test('a call that was aborted before asks nothing', async () => {
    await using core = await startScriptedCore()
    await using client = createCoreClient({ address: core.address })
    expect(await errorOf(ask(client, { signal: AbortSignal.abort() }))).toBeInstanceOf(CallAbortedError)
    expect([core.requests.length, core.infoCalls()]).toEqual([0, 0])
  })

  test('a signal that lives on keeps no listener of a call that is over', async () => {
    await using core = await startScriptedCore()
    await using client = createCoreClient({ address: core.address })
    const { signal } = new AbortController()
    const add = vi.spyOn(signal, 'addEventListener')
    const remove = vi.spyOn(signal, 'removeEventListener')
    await ask(client, { signal })
    // A removal counts only with the very listener that was added.
    const removed = new Set(remove.mock.calls.map(([, listener]) => listener))
    expect(add.mock.calls.length).toBeGreaterThan(2)
    expect(add.mock.calls.every(([, listener]) => removed.has(listener))).toBe(true)
  })

  test('a client that is given an aborted signal does not wait for its connection', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const client = createCoreClient({ address: `127.0.0.1:${port}`, timeoutMs: 1_000 })
    expect(await errorOf(client.getServerInfo({ signal: AbortSignal.abort() }))).toBeInstanceOf(CallAbortedError)
    const request = create(EvaluateToolAccessRequestSchema, { toolName: 'read' })
    expect(await errorOf(client.evaluateToolAccess(request, { signal: AbortSignal.abort() }))).toBeInstanceOf(
      CallAbortedError,
    )
    server.close()
  })

  test('a listener that accepts and never speaks is given up', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const client = createCoreClient({ address: `127.0.0.1:${port}`, timeoutMs: 100 })
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreTimeoutError)
    server.close()
  })
})

describe('the handshake', () => {
  test('is done once for all who wait', async () => {
    await using core = await startScriptedCore()
    await using client = createCoreClient({ address: core.address })
    await Promise.all(Array.from({ length: 50 }, () => ask(client)))
    await ask(client)
    expect(core.infoCalls()).toBe(1)
    expect(core.requests).toHaveLength(51)
  })

  test.each<[what: string, info: { coreVersion?: string; protoVersion?: string }]>([
    ['too old', { coreVersion: '0.0.9' }],
    ['without a version', { coreVersion: '' }],
    ['with a version that is none', { coreVersion: 'latest' }],
    ['with half a version', { coreVersion: '1.0' }],
    ['of another contract', { protoVersion: '2.0' }],
    ['without a contract', { protoVersion: '' }],
  ])('refuses a core %s, and asks it nothing', async (_what, info) => {
    await using core = await startScriptedCore()
    core.info = { ...core.info, ...info }
    await using client = createCoreClient({ address: core.address })
    const error = await errorOf(ask(client))
    expect(error).toBeInstanceOf(CoreVersionError)
    expect(error.message).toMatch(/Update|belong together/)
    expect(core.requests).toHaveLength(0)
    expect((await client.getServerInfo()).coreVersion).toBe(core.info.coreVersion)
  })

  test.each(['0.1.0', '0.1.0-dev', '0.1.1', '0.10.0', '1.0.0', '2.7.2'])('accepts version %s', async (coreVersion) => {
    await using core = await startScriptedCore()
    core.info = { ...core.info, coreVersion, protoVersion: '1.7' }
    await using client = createCoreClient({ address: core.address })
    expect((await ask(client)).outcome).toBe('ALLOW')
  })

  test('refuses a service that speaks another language', async () => {
    await using core = await startScriptedCore(allow, { foreign: true })
    await using client = createCoreClient({ address: core.address })
    const error = await errorOf(ask(client))
    expect(error).toBeInstanceOf(CoreVersionError)
    expect(error.message).toContain('does not speak capiscio.core.v1')
  })

  test('that failed is tried again by the next call', async () => {
    await using core = await startScriptedCore()
    core.info = { ...core.info, coreVersion: '0.0.1' }
    await using client = createCoreClient({ address: core.address })
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreVersionError)
    core.info = { ...core.info, coreVersion: '0.1.0' }
    expect((await ask(client)).outcome).toBe('ALLOW')
  })

  test('lets a core that is not ready answer for itself', async () => {
    await using core = await startScriptedCore(deny)
    core.info = { ...core.info, ready: false }
    await using client = createCoreClient({ address: core.address })
    expect((await ask(client)).outcome).toBe('DENY')
  })
})

describe('a core that comes and goes', () => {
  test('is found again after a restart', async () => {
    const first = await startScriptedCore()
    await using client = createCoreClient({ address: first.address })
    await ask(client)
    await first[Symbol.asyncDispose]()
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreConnectionError)
    await using _second = await startScriptedCore(deny, { port: Number(first.address.split(':')[1]) })
    await vi.waitFor(async () => expect((await ask(client)).outcome).toBe('DENY'), { timeout: 10_000 })
  })

  test('is missing with an error at once, not after the timeout', async () => {
    await using client = createCoreClient({ address: '127.0.0.1:1', timeoutMs: 600_000 })
    const error = await errorOf(ask(client))
    expect(error).toMatchObject({ name: 'CoreConnectionError', code: 'CORE_UNREACHABLE' })
    expect(error.message).toContain('127.0.0.1:1')
    expect(error.message).toContain('CAPISCIO_CORE_ADDR')
  })
})

describe('disposing a client', () => {
  test('lets calls under way finish and refuses new ones', async () => {
    const gate = Promise.withResolvers<void>()
    await using core = await startScriptedCore((request) => gate.promise.then(() => allow(request)))
    const client = createCoreClient({ address: core.address })
    const call = ask(client)
    await vi.waitFor(() => expect(core.requests).toHaveLength(1))
    const disposed = client[Symbol.asyncDispose]()
    expect(await errorOf(ask(client))).toBeInstanceOf(ClientClosedError)
    gate.resolve()
    expect((await call).outcome).toBe('ALLOW')
    await disposed
    await client[Symbol.asyncDispose]()
    expect(core.requests).toHaveLength(1)
  })
})

describe('TLS', () => {
  const read = (name: string): Buffer => readFileSync(join(import.meta.dirname, '..', 'fakes', 'tls', name))
  const credentials = (): ServerCredentials =>
    ServerCredentials.createSsl(null, [
      { private_key: read('localhost-key.pem'), cert_chain: read('localhost-cert.pem') },
    ])
  const port = (address: string): string => address.split(':')[1] ?? ''

  afterEach(() => vi.unstubAllEnvs())

  test('reaches a core whose certificate is trusted', async () => {
    await using core = await startScriptedCore(allow, { credentials: credentials() })
    for (const host of ['localhost', '127.0.0.1']) {
      await using client = createCoreClient({
        address: `https://${host}:${port(core.address)}`,
        tls: { ca: read('localhost-cert.pem') },
      })
      expect((await ask(client)).outcome).toBe('ALLOW')
    }
  })

  test('refuses a certificate of nobody, also when the environment switches verification off', async () => {
    await using core = await startScriptedCore(allow, { credentials: credentials() })
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await using client = createCoreClient({ address: `https://localhost:${port(core.address)}` })
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreConnectionError)
    expect(core.infoCalls()).toBe(0)
  })

  test('never falls back to plaintext', async () => {
    await using core = await startScriptedCore()
    await using client = createCoreClient({ address: `https://localhost:${port(core.address)}` })
    expect(await errorOf(ask(client))).toBeInstanceOf(CoreConnectionError)
    expect(core.infoCalls()).toBe(0)
  })
})

describe('the environment', () => {
  afterEach(() => vi.unstubAllEnvs())

  test('an HTTP proxy sees nothing of a plaintext call', async () => {
    let connections = 0
    const proxy = createServer((socket) => {
      connections += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = proxy.address()
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) vi.stubEnv(name, url)
    await using core = await startScriptedCore()
    await using client = createCoreClient({ address: core.address })
    expect((await ask(client)).outcome).toBe('ALLOW')
    expect(connections).toBe(0)
    proxy.close()
  })

  test('names the core of the process, which is shared until it is disposed', async () => {
    await using core = await startScriptedCore()
    vi.stubEnv('CAPISCIO_CORE_ADDR', core.address)
    const read = guard({ tool: 'read' }, async () => 'ran')
    expect(await read()).toBe('ran')
    const client = getDefaultCoreClient()
    expect(getDefaultCoreClient()).toBe(client)
    await evaluateToolAccess('read', {})
    expect([core.requests.length, core.infoCalls()]).toEqual([2, 1])
    await client[Symbol.asyncDispose]()
    const next = getDefaultCoreClient()
    expect(next).not.toBe(client)
    expect(await read()).toBe('ran')
    await next[Symbol.asyncDispose]()
  })

  test('can be another one, and is forgotten by a reset', async () => {
    await using core = await startScriptedCore()
    await using own = createCoreClient({ address: core.address })
    await resetDefaultCoreClient()
    setDefaultCoreClient(own)
    expect(getDefaultCoreClient()).toBe(own)
    expect(() => setDefaultCoreClient(own)).toThrow(TypeError)
    expect(() => setDefaultCoreClient(own)).toThrow('resetDefaultCoreClient')
    await resetDefaultCoreClient()
    // It belongs to whoever made it.
    expect((await ask(own)).outcome).toBe('ALLOW')

    vi.stubEnv('CAPISCIO_CORE_ADDR', core.address)
    const made = getDefaultCoreClient()
    expect(made).not.toBe(own)
    await resetDefaultCoreClient()
    expect(await errorOf(ask(made))).toMatchObject({ code: 'CLIENT_CLOSED' })
    await resetDefaultCoreClient()
    for (const none of [undefined, null, {}, 'client']) {
      expect(() => Reflect.apply(setDefaultCoreClient, undefined, [none])).toThrow(TypeError)
    }
  })

  test('with an address that cannot be used is an error at the call, and nothing runs', async () => {
    vi.stubEnv('CAPISCIO_CORE_ADDR', 'core.example.com:50051')
    const handler = vi.fn(async () => 1)
    expect(await errorOf(guard({ tool: 'read' }, handler)())).toMatchObject({ code: 'CORE_ADDRESS_INVALID' })
    expect(handler).not.toHaveBeenCalled()
  })
})

test('a process with an idle client ends by itself', async () => {
  await using core = await startScriptedCore()
  const program = `
    import { createCoreClient, evaluateToolAccess } from ${JSON.stringify(join(import.meta.dirname, '../../sdk-node/src/index.ts'))}
    const client = createCoreClient({ address: ${JSON.stringify(core.address)} })
    console.log((await evaluateToolAccess('read', {}, { client })).outcome)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [code] = await once(child, 'close')
  expect([code, output.trim()]).toEqual([0, 'ALLOW'])
})
