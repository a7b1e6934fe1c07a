import { inspect } from 'node:util'
import { Code } from '@connectrpc/connect'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { EvaluateToolAccessOptions } from '../../../sdk-browser/src/index.ts'
import {
  CallAbortedError,
  CoreAccessError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CoreUnavailableError,
  CoreVersionError,
  CredentialError,
  computeParamsHash,
  createCoreClient,
  InvalidRequestError,
  MethodUnimplementedError,
  RequestTooLargeError,
} from '../../../sdk-browser/src/index.ts'
import { allow, deny, hang, refuse } from '../../fakes/scripted-core.ts'
import { createScriptedFetch, type ScriptedFetch } from './scripted-fetch.ts'

const SECRET = 'canary-badge-0001'

afterEach(() => {
  vi.useRealTimers()
})

const baseUrl = 'http://127.0.0.1:50052'

function errorOf(call: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  return call.then(
    () => expect.unreachable('the call must be rejected'),
    (error) => error,
  )
}

describe.each(['connect', 'grpc-web'] as const)('over %s', (protocol) => {
  const clientOf = (core: Pick<ScriptedFetch, 'fetch'>, timeoutMs?: number) =>
    createCoreClient({ baseUrl, protocol, fetch: core.fetch, timeoutMs })
  const ask = (core: Pick<ScriptedFetch, 'fetch'>, options: EvaluateToolAccessOptions = {}) =>
    clientOf(core).evaluateToolAccess('read', { query: 'x' }, { credential: { badge: SECRET }, ...options })

  describe('a question', () => {
    test('carries tool, hash, credential, demands and the name of this SDK', async () => {
      const core = createScriptedFetch()
      const access = await ask(core, {
        serverOrigin: 'https://mcp.example.com',
        config: { minTrustLevel: 2, policyVersion: 'v1', enforcementMode: 'EM-STRICT' },
      })
      expect(access).toMatchObject({ outcome: 'ALLOW', authLevel: 'badge', leafIndex: 7n, fault: undefined })
      expect(core.requests).toMatchObject([
        {
          toolName: 'read',
          paramsHash: await computeParamsHash({ query: 'x' }),
          serverOrigin: 'https://mcp.example.com',
          credential: { case: 'badgeJws', value: SECRET },
          config: { minTrustLevel: 2 },
          policyVersion: 'v1',
          enforcementMode: 4,
          sdk: '@capiscio/mcp-browser/0.1.0',
        },
      ])
    })

    test('without options is that of an anonymous caller without demands', async () => {
      const core = createScriptedFetch()
      const access = await clientOf(core).evaluateToolAccess('read', undefined)
      expect(access.authLevel).toBe('anonymous')
      expect(core.requests[0]?.credential.case).toBeUndefined()
      expect(core.requests[0]?.config).toBeUndefined()
      expect(core.requests[0]?.paramsHash).toBe(await computeParamsHash({}))
    })

    test('is about the arguments as they were when it was asked', async () => {
      const core = createScriptedFetch()
      const params = { query: 'select 1', tables: ['a'] }
      const asking = clientOf(core).evaluateToolAccess('read', params)
      params.query = 'drop table users'
      params.tables.push('b')
      await asking
      expect(core.requests[0]?.paramsHash).toBe(await computeParamsHash({ query: 'select 1', tables: ['a'] }))
    })

    test('takes the badge of a callback once', async () => {
      const core = createScriptedFetch()
      const badges = ['badge-1', 'badge-2']
      await ask(core, { credential: { badge: async () => badges.shift() ?? '' } })
      expect(core.requests[0]?.credential.value).toBe('badge-1')
      expect(badges).toEqual(['badge-2'])
    })

    test.each<[what: string, badge: () => string | Promise<string>]>([
      ['fails', () => Promise.reject(new Error('no badge'))],
      ['gives nothing', () => ''],
      ['gives no text', () => undefined as never],
    ])('is not asked when the badge callback %s', async (_what, badge) => {
      const core = createScriptedFetch()
      expect(await errorOf(ask(core, { credential: { badge } }))).toBeInstanceOf(CredentialError)
      expect(core.requests).toEqual([])
    })

    test('goes out without cookies, redirects, cache and referrer, and with the credential in the body only', async () => {
      const core = createScriptedFetch()
      await ask(core)
      expect(core.calls).toHaveLength(2)
      for (const { url, init } of core.calls) {
        expect(init).toMatchObject({
          method: 'POST',
          mode: 'cors',
          redirect: 'error',
          credentials: 'omit',
          cache: 'no-store',
          referrerPolicy: 'no-referrer',
        })
        expect(url + inspect(new Headers(init.headers))).not.toContain(SECRET)
      }
    })
  })

  describe('a denial is an answer', () => {
    test('with reason, code and record', async () => {
      const core = createScriptedFetch(deny)
      expect(await ask(core)).toMatchObject({
        outcome: 'DENY',
        reason: 'TRUST_INSUFFICIENT',
        code: 'TOOL_TRUST_INSUFFICIENT',
        evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        fault: undefined,
      })
    })

    test('that never repeats the credential', async () => {
      const core = createScriptedFetch((request) => deny(request, { message: `${SECRET} is unknown`, code: SECRET }))
      expect(await ask(core)).toMatchObject({ message: '[redacted] is unknown', code: '[redacted]' })
    })

    test('that repeats no other badge either', async () => {
      const other = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'
      const core = createScriptedFetch((request) => deny(request, { message: `not ${other}.` }))
      expect((await ask(core)).message).toMatch(/^not \[redacted\]\.?$/)
    })
  })

  describe('an ALLOW that proves nothing is DENY with a fault', () => {
    test.each<[what: string, script: ScriptedFetch['script']]>([
      ['without an evidence id', (request) => allow(request, { evidenceId: '' })],
      ['without a record', (request) => allow(request, { leaf: new Uint8Array() })],
      ['without a log', (request) => allow(request, { logOrigin: '' })],
      ['with the record of another tool', (request) => allow({ ...request, toolName: 'other' })],
      ['with the record of other arguments', (request) => allow({ ...request, paramsHash: 'sha256:x' })],
      ['that is no decision', () => ({ kind: 'decision', decision: undefined })],
    ])('%s', async (_what, script) => {
      const access = await ask(createScriptedFetch(script))
      expect(access).toMatchObject({ outcome: 'DENY', reason: 'INTERNAL', code: 'INTERNAL' })
      expect(access.fault).toBeInstanceOf(CoreFaultError)
    })
  })

  describe('a status instead of a decision', () => {
    test.each<[name: keyof typeof Code, expected: abstract new (...args: never[]) => Error, code: string]>([
      ['InvalidArgument', InvalidRequestError, 'REQUEST_INVALID'],
      ['Unavailable', CoreUnavailableError, 'CORE_UNAVAILABLE'],
      ['Canceled', CoreUnavailableError, 'CORE_UNAVAILABLE'],
      ['DeadlineExceeded', CoreTimeoutError, 'CORE_TIMEOUT'],
      ['ResourceExhausted', RequestTooLargeError, 'REQUEST_TOO_LARGE'],
      ['Unimplemented', MethodUnimplementedError, 'METHOD_UNIMPLEMENTED'],
      ['Unauthenticated', CoreAccessError, 'CORE_ACCESS_REFUSED'],
      ['PermissionDenied', CoreAccessError, 'CORE_ACCESS_REFUSED'],
      ['Internal', CoreFaultError, 'CORE_FAULT'],
      ['Unknown', CoreFaultError, 'CORE_FAULT'],
      ['Aborted', CoreFaultError, 'CORE_FAULT'],
      ['DataLoss', CoreFaultError, 'CORE_FAULT'],
    ])('%s is an error with a code, asked once, without the credential', async (name, expected, code) => {
      const core = createScriptedFetch(() => refuse(Code[name], `because of ${SECRET}.`))
      const error = await errorOf(ask(core))
      expect(error).toBeInstanceOf(expected)
      expect(error.code).toBe(code)
      expect(inspect(error, { depth: 9, showHidden: true, getters: true })).not.toContain(SECRET)
      expect(core.requests).toHaveLength(1)
    })

    test('INVALID_ARGUMENT names the wrong fields', async () => {
      const fieldViolations = [
        { field: 'config.min_trust_level', description: 'must be 0 to 4' },
        { field: 'tool_name', description: `must not hold ${SECRET}` },
      ]
      const core = createScriptedFetch(() => refuse(Code.InvalidArgument, 'bad request', { fieldViolations }))
      const error = await errorOf(ask(core))
      expect(error.fieldViolations).toEqual([
        fieldViolations[0],
        { field: 'tool_name', description: 'must not hold [redacted]' },
      ])
      expect(error.message).toContain('config.min_trust_level: must be 0 to 4')
    })

    test('UNAVAILABLE tells when to try again', async () => {
      const core = createScriptedFetch(() => refuse(Code.Unavailable, 'overloaded', { retryAfterMs: 1_500 }))
      expect(await errorOf(ask(core))).toMatchObject({
        retryAfterMs: 1_500,
        message: expect.stringContaining('in 1500 ms'),
      })
    })
  })

  describe('an answer that cannot be used', () => {
    const answering = (answer: () => Response | Promise<Response>) => ({ fetch: async () => answer() })
    /** Lets the handshake pass, so that the question itself meets the bad answer. */
    const afterHandshake = (answer: () => Response | Promise<Response>) => {
      const core = createScriptedFetch()
      return {
        fetch: async (input: string | URL | Request, init?: RequestInit) =>
          String(input).endsWith('GetServerInfo') ? core.fetch(input, init) : answer(),
      }
    }
    const endless = (pulled: () => void) =>
      new ReadableStream({
        pull(controller) {
          pulled()
          controller.enqueue(new Uint8Array(1024 * 1024))
        },
      })

    test('because the network failed, is an error that says what to do, without the credential', async () => {
      const error = await errorOf(ask(afterHandshake(() => Promise.reject(new TypeError(`failed ${SECRET}`)))))
      expect(error).toBeInstanceOf(CoreConnectionError)
      expect(error.code).toBe('CORE_UNREACHABLE')
      expect(error.message).toMatch(/failed \[redacted\].*Start it.*--allow-origin/)
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET)
    })

    test('because the connection broke in its middle, is the same error', async () => {
      const broken = new ReadableStream({ start: (controller) => controller.error(new TypeError('network error')) })
      const core = afterHandshake(() => new Response(broken, { headers: { 'content-type': 'application/proto' } }))
      expect((await errorOf(ask(core))).code).toBe('CORE_UNREACHABLE')
    })

    test('because it never ends, is refused after 4 MiB', async () => {
      let megabytes = 0
      const headers = { 'content-type': `application/${protocol}` }
      const body = () => endless(() => void megabytes++)
      expect(await errorOf(ask(afterHandshake(() => new Response(body(), { headers }))))).toBeInstanceOf(
        RequestTooLargeError,
      )
      expect(megabytes).toBeLessThanOrEqual(6)
    })

    test('because it has no body, is a fault of the core', async () => {
      expect(await errorOf(ask(afterHandshake(() => new Response(null, { status: 204 }))))).toBeInstanceOf(
        CoreFaultError,
      )
    })

    test('because it is a web page, is a fault of the core', async () => {
      const page = () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } })
      expect(await errorOf(ask(afterHandshake(page)))).toBeInstanceOf(CoreFaultError)
    })

    test('because it was cut short, is a fault of the core', async () => {
      const contentType = protocol === 'connect' ? 'application/proto' : 'application/grpc-web+proto'
      const cut = () => new Response(Uint8Array.of(10, 9, 1), { headers: { 'content-type': contentType } })
      expect(await errorOf(ask(afterHandshake(cut)))).toBeInstanceOf(CoreFaultError)
    })

    test.each<[status: number, expected: abstract new (...args: never[]) => Error]>([
      [403, CoreAccessError],
      [503, CoreUnavailableError],
      [404, CoreVersionError],
    ])('because something answered %i, is an error of that kind', async (status, expected) => {
      expect(await errorOf(ask(answering(() => new Response('no', { status }))))).toBeInstanceOf(expected)
    })
  })

  describe('the core’s version', () => {
    test('is asked once before the questions, also when they come together', async () => {
      const core = createScriptedFetch()
      const client = clientOf(core)
      await Promise.all([1, 2, 3].map((n) => client.evaluateToolAccess('read', { n })))
      await client.evaluateToolAccess('read', {})
      const methods = core.calls.map(({ url }) => url.split('/').at(-1))
      expect(methods.filter((method) => method === 'GetServerInfo')).toHaveLength(1)
      expect(methods[0]).toBe('GetServerInfo')
      expect(core.requests).toHaveLength(4)
    })

    test.each<[what: string, coreVersion: string, protoVersion: string]>([
      ['too old', '0.0.9', '1.0'],
      ['no version', 'latest', '1.0'],
      ['of another contract', '0.1.0', '2.0'],
      ['of no contract', '0.1.0', ''],
    ])('is refused when it is %s', async (_what, coreVersion, protoVersion) => {
      const core = createScriptedFetch()
      core.info = { coreVersion, protoVersion, ready: true }
      const client = clientOf(core)
      expect(await errorOf(client.evaluateToolAccess('read', {}))).toBeInstanceOf(CoreVersionError)
      expect(await errorOf(client.parseServerIdentity({ meta: {} }))).toBeInstanceOf(CoreVersionError)
      expect([...core.requests, ...core.identityRequests]).toEqual([])
      expect((await client.getServerInfo()).coreVersion).toBe(coreVersion)
      core.info = { coreVersion: '0.1.0', protoVersion: '1.3', ready: true }
      expect((await client.evaluateToolAccess('read', {})).outcome).toBe('ALLOW')
    })
  })

  describe('time and abort', () => {
    test('a core that does not answer is given up, and the request with it', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      // Time passes only once the question has arrived, however slow the machine is.
      const core = createScriptedFetch(() => {
        vi.advanceTimersByTime(10_000)
        return hang()
      })
      const error = await errorOf(ask(core))
      expect(error).toBeInstanceOf(CoreTimeoutError)
      expect(error.message).toContain('did not answer EvaluateToolAccess')
      expect(core.requests).toHaveLength(1)
      expect(core.calls.at(-1)?.url).toMatch(/EvaluateToolAccess$/)
      expect(core.calls.at(-1)?.init.signal?.aborted).toBe(true)
    })

    test('a fetch that ignores its signal is given up too', async () => {
      const client = createCoreClient({ baseUrl, protocol, fetch: () => new Promise(() => {}), timeoutMs: 20 })
      expect(await errorOf(client.getServerInfo())).toBeInstanceOf(CoreTimeoutError)
      const error = await errorOf(client.evaluateToolAccess('read', {}))
      expect(error).toBeInstanceOf(CoreTimeoutError)
      expect(error.message).toContain('was not there within')
    })

    test('a badge callback that does not answer is given up', async () => {
      const core = createScriptedFetch()
      const error = await errorOf(ask(core, { credential: { badge: () => new Promise(() => {}) }, timeoutMs: 20 }))
      expect(error).toBeInstanceOf(CoreTimeoutError)
      expect(error.message).toContain('badge callback')
      expect(core.calls).toEqual([])
    })

    test('the longest timeout fits into its header', async () => {
      const core = createScriptedFetch()
      expect(await ask(core, { timeoutMs: 2_147_483_647 })).toMatchObject({ outcome: 'ALLOW' })
      const headers = new Headers(core.calls.at(-1)?.init.headers)
      expect(headers.get('grpc-timeout') ?? headers.get('connect-timeout-ms')).toMatch(/^99999999m?$/)
    })

    test('a signal that was aborted before asks nothing', async () => {
      const core = createScriptedFetch()
      const signal = AbortSignal.abort('why')
      const client = clientOf(core)
      for (const call of [
        () => ask(core, { signal }),
        () => client.evaluateToolAccess('read', {}, { signal }),
        () => client.getServerInfo({ signal }),
        () => client.parseServerIdentity({ meta: {} }, { signal }),
      ]) {
        expect(await errorOf(call())).toMatchObject({ name: 'AbortError', code: 'CALL_ABORTED', cause: 'why' })
      }
      expect(core.calls).toEqual([])
    })

    test('a signal that is aborted meanwhile gives the question up', async () => {
      const controller = new AbortController()
      const core = createScriptedFetch(() => {
        controller.abort()
        return hang()
      })
      const error = await errorOf(ask(core, { signal: controller.signal }))
      expect(error).toBeInstanceOf(CallAbortedError)
      expect(core.calls.at(-1)?.init.signal?.aborted).toBe(true)
    })

    test('aborting one question leaves the handshake to the others', async () => {
      const core = createScriptedFetch()
      const client = clientOf(core)
      const controller = new AbortController()
      const given = client.evaluateToolAccess('read', {}, { signal: controller.signal })
      const kept = client.evaluateToolAccess('read', {})
      controller.abort()
      expect((await errorOf(given)).code).toBe('CALL_ABORTED')
      expect((await kept).outcome).toBe('ALLOW')
      expect(core.requests).toHaveLength(1)
    })
  })
})

describe('a base URL with a path', () => {
  test('is a prefix of every call', async () => {
    const core = createScriptedFetch()
    const client = createCoreClient({ baseUrl: 'https://app.example.com/capiscio/', fetch: core.fetch })
    await client.getServerInfo()
    expect(core.calls[0]?.url).toBe('https://app.example.com/capiscio/capiscio.core.v1.CoreService/GetServerInfo')
  })
})

describe('wrong use is a TypeError', () => {
  test.each<[what: string, options: unknown]>([
    ['no options', undefined],
    ['no base URL', {}],
    ['a base URL that is no text', { baseUrl: new URL(baseUrl) }],
    ['an unknown option', { baseUrl, baseURL: baseUrl }],
    ['an unknown protocol', { baseUrl, protocol: 'grpc' }],
    ['a protocol of every object', { baseUrl, protocol: 'toString' }],
    ['a timeout of nothing', { baseUrl, timeoutMs: 0 }],
    ['a fetch that is none', { baseUrl, fetch: {} }],
    ['insecure as a text', { baseUrl, insecure: 'false' }],
  ])('at once for %s', (_what, options) => {
    expect(() => createCoreClient(options as never)).toThrow(TypeError)
  })

  test.each<[what: string, tool: unknown, params: unknown, options: unknown]>([
    ['an empty tool name', '', {}, {}],
    ['a tool name that is no text', 7, {}, {}],
    ['arguments that are not JSON', 'read', { when: new Date() }, {}],
    ['a misspelt option', 'read', {}, { credentials: { apiKey: 'k' } }],
    ['both kinds of credential', 'read', {}, { credential: { badge: 'b', apiKey: 'k' } }],
    ['an empty API key', 'read', {}, { credential: { apiKey: '' } }],
    ['null as credential', 'read', {}, { credential: null }],
    ['a misspelt demand', 'read', {}, { config: { minTrustlevel: 2 } }],
    ['level 5', 'read', {}, { config: { minTrustLevel: 5 } }],
    ['an origin with a lone surrogate', 'read', {}, { serverOrigin: '\ud800' }],
    ['a timeout of nothing, beside arguments that are not JSON', 'read', { when: new Date() }, { timeoutMs: 0 }],
    ['a signal that is none', 'read', {}, { signal: { aborted: false } }],
  ])('that asks nothing for %s', async (_what, tool, params, options) => {
    const core = createScriptedFetch()
    const client = createCoreClient({ baseUrl, fetch: core.fetch })
    await expect(client.evaluateToolAccess(tool as string, params, options as never)).rejects.toThrow(TypeError)
    expect(core.calls).toEqual([])
  })
})
