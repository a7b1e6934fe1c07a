import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInProcessCore, type InProcessCore, readEvidenceLogs } from '@capiscio/core'
import type { McpMessage } from '@capiscio/proto/mcp'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMessageGuard } from '../../core/src/mcp/message-guard.ts'
import { type McpProxy, type ProxyOptions, startProxy } from '../../core/src/mcp/proxy/proxy.ts'
import { createTaskOwners } from '../../core/src/mcp/task-owners.ts'
import { createToolDecider, type ToolDecider } from '../../core/src/mcp/tool-decider.ts'
import { createManualTimer, type ManualTimer } from '../fakes/manual-timer.ts'
import { devCredential } from '../tools/core-process.ts'
import { makeDevFolder } from '../tools/dev-folder.ts'
import { type HttpServer, serveHttp } from '../tools/mcp-http-servers.ts'

let folder: string
let core: InProcessCore
let target: HttpServer
let proxy: McpProxy
let badge: string
let timer: ManualTimer
let asked: { method: string; headers: IncomingMessage['headers']; body: McpMessage | undefined }[]
let answer: (response: ServerResponse, body: McpMessage | undefined, request: IncomingMessage) => void
const faults: unknown[] = []

const TOOLS = ['open', 'guarded'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const json = (response: ServerResponse, status: number, body: unknown, headers: object = {}): void =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
const result = (id: unknown, value: unknown) => ({ jsonrpc: '2.0', id, result: value })

/** Says yes to everything, so that only the proxy stands in between. */
const friendly: typeof answer = (response, body) => {
  if (body?.id === undefined || body.method === undefined) return void response.writeHead(202).end()
  json(response, 200, result(body.id, body.method === 'tools/list' ? { tools: TOOLS } : { content: [] }))
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-mcp-proxy-'))
  await makeDevFolder(folder)
  badge = await devCredential(folder, 'badges', 'level-2.jwt')
  await writeFile(
    join(folder, 'policy.yaml'),
    'version: 1\ndefault: { minTrustLevel: 0 }\ntools:\n  - match: ["guarded"]\n    minTrustLevel: 2\n',
  )
  core = await openCore('policy.yaml', 'evidence')
  asked = []
  timer = createManualTimer()
  faults.length = 0
  answer = friendly
  target = await serveHttp(async (incoming, response) => {
    let text = ''
    for await (const chunk of incoming) text += String(chunk)
    const body = text === '' ? undefined : (JSON.parse(text) as McpMessage)
    asked.push({ method: incoming.method ?? '', headers: incoming.headers, body })
    answer(response, body, incoming)
  })
  proxy = await open()
})

afterEach(async () => {
  await proxy.stop()
  await target[Symbol.asyncDispose]()
  await core[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
  expect(faults).toEqual([])
})

function openCore(policy: string, evidence: string): Promise<InProcessCore> {
  const env = { HOME: folder, CAPISCIO_STATE_DIR: join(folder, 'state'), CAPISCIO_EVIDENCE_DIR: join(folder, evidence) }
  const files = { config: join(folder, 'capiscio.yaml'), policy: join(folder, policy) }
  return createInProcessCore({ ...files, profile: 'dev', env, logLevel: 'silent' })
}

function open(options: Partial<ProxyOptions> = {}, decider?: ToolDecider): Promise<McpProxy> {
  const decides = decider ?? createToolDecider(core, 'https://mcp.example.com')
  const tasks = createTaskOwners()
  return startProxy({
    target: target.url,
    listen: { host: '127.0.0.1', port: 0 },
    createGuard: () => createMessageGuard({ decider: decides, tasks, monotonicMs: () => performance.now() }),
    allowedOrigins: ['https://page.example'],
    hosts: ['mcp.example.com'],
    bearerIsBadge: false,
    timer,
    onFault: (cause) => faults.push(cause),
    ...options,
  })
}

interface Given {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | object
}

/** Sends whatever it is told, which `fetch` would not. */
async function send({ method = 'POST', path = '/mcp', headers = {}, body }: Given) {
  const sent = request(new URL(path, proxy.url), {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
  })
  sent.end(typeof body === 'object' ? JSON.stringify(body) : body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    // biome-ignore lint/suspicious/noExplicitAny: what a foreign client sees
    body: (text.startsWith('{') ? JSON.parse(text) : undefined) as any,
  }
}

const call = (name: string, more: object = {}, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {}, ...more },
})
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
const events = (...messages: unknown[]): string =>
  messages.map((message) => `data: ${JSON.stringify(message)}\n\n`).join('')
const stream = (text: string, headers: object = {}): typeof answer => {
  return (response) => void response.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).end(text)
}
const MODERN = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }

describe('a request', () => {
  it.each([
    ['no JSON', 'x', 400, -32_700],
    ['nothing', '', 400, -32_700],
    [
      'a number that would be rounded',
      JSON.stringify(call('open')).replace('{}', '{"row":9007199254740993}'),
      400,
      -32_600,
    ],
    ['a batch', [call('open')], 400, -32_600],
    ['a number', '7', 400, -32_600],
    ['bytes that are no UTF-8', '{"a":"\ud800"}', 400, -32_600],
    ['a call without an id that can be answered', { ...call('open'), id: null }, 400, -32_600],
    ['a reply that is a request too', { ...call('open'), result: {} }, 400, -32_600],
    ['two names', call('open', { Name: 'guarded' }), 400, -32_600],
    ['another spelling', { ...call('open'), method: 'Tools/Call' }, 400, -32_600],
  ])('of %s is refused and reaches nobody', async (_, body, status, code) => {
    const refused = await send({ body })
    expect([refused.status, refused.body.error.code, asked]).toEqual([status, code, []])
  })

  it('without an id for a tool is taken and goes nowhere', async () => {
    const { id, ...notification } = call('open')
    expect([(await send({ body: notification })).status, asked]).toEqual([202, []])
  })

  it('of more than 4 MiB is refused, one below is passed on', async () => {
    const padded = (bytes: number) => call('open', { _meta: { x: 'x'.repeat(bytes) } })
    const refused = await send({ body: padded(10 * 1024 * 1024) })
    expect([refused.status, refused.body.error.code]).toEqual([413, -32_600])
    expect(asked).toEqual([])
    expect((await send({ body: padded(4_000_000) })).status).toBe(200)
  })

  it.each([
    ['a compressed body', { 'content-encoding': 'gzip' }, 415],
    ['another media type', { 'content-type': 'text/plain' }, 415],
    ['no media type', { 'content-type': '' }, 415],
    ['a foreign Host', { host: 'evil.example' }, 403],
    ['a foreign Origin', { origin: 'https://evil.example' }, 403],
    [
      'an Origin that ends like the endpoint',
      { origin: 'https://evil.example//mcp.example.com', host: 'mcp.example.com' },
      403,
    ],
    [
      'an Origin that begins like the endpoint',
      { origin: 'http://mcp.example.com.evil', host: 'mcp.example.com' },
      403,
    ],
    ['an Origin without a name', { origin: 'null' }, 403],
    ['an unknown session', { 'mcp-session-id': 'made-up' }, 404],
  ])('with %s is refused and reaches nobody', async (_, headers, status) => {
    expect([(await send({ headers, body: call('open') })).status, asked]).toEqual([status, []])
  })

  it.each([
    ['the operator’s Host', { host: 'mcp.example.com' }],
    ['the endpoint’s own Origin', { origin: 'https://mcp.example.com', host: 'mcp.example.com' }],
    ['an allowed Origin', { origin: 'https://page.example' }],
    ['a media type with parameters', { 'content-type': 'application/json; charset=utf-8' }],
  ])('with %s is taken', async (_, headers) => {
    expect((await send({ headers, body: call('open') })).status).toBe(200)
  })

  it.each([
    ['GET', '/', 404],
    ['POST', '/mcp/../admin', 404],
    ['POST', '/mcp/', 404],
    ['POST', '/MCP', 404],
    ['PUT', '/mcp', 405],
    ['OPTIONS', '/mcp', 405],
  ])('%s %s is no business of the proxy', async (method, path, status) => {
    expect([(await send({ method, path })).status, asked]).toEqual([status, []])
  })

  it('of a page is answered with what pages may send and read', async () => {
    const preflight = await send({ method: 'OPTIONS', headers: { origin: 'https://page.example' } })
    expect([preflight.status, preflight.headers['access-control-allow-headers']]).toEqual([
      204,
      expect.stringContaining('mcp-session-id'),
    ])
    answer = (response, body) => json(response, 200, result(body?.id, {}), { 'access-control-allow-origin': '*' })
    const answered = await send({ headers: { origin: 'https://page.example' }, body: call('open') })
    expect(answered.headers).toMatchObject({
      'access-control-allow-origin': 'https://page.example',
      'access-control-expose-headers': expect.stringContaining('mcp-session-id'),
    })
  })
})

it('whose client goes away while it sends is no fault', async () => {
  const arrived = Promise.withResolvers<void>()
  await proxy.stop()
  proxy = await open({
    identity: {
      did: 'did:web:mcp.example.com',
      async badge() {
        arrived.resolve()
        return undefined
      },
    },
  })
  const sent = request(proxy.url, { method: 'POST', headers: { 'content-type': 'application/json' } })
  sent.on('error', () => {})
  sent.write('{')
  await arrived.promise
  sent.destroy()
  // Ends what is under way.
  await proxy.stop()
  expect(faults).toEqual([])
  proxy = await open()
})

describe('headers that repeat the body', () => {
  const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`

  it.each([
    [{ 'mcp-method': 'tools/list' }, call('open')],
    [{ 'mcp-method': 'TOOLS/CALL' }, call('open')],
    [{ 'mcp-method': ['tools/call', 'tools/call'] }, call('open')],
    [{ 'mcp-method': 'tools/call', 'mcp-name': 'guarded' }, call('open')],
    [{ 'mcp-method': 'tools/call', 'mcp-name': 'Open' }, call('open')],
    [{ 'mcp-name': base64('guarded') }, call('open')],
    [{ 'mcp-name': '=?base64?b3Blbg?=' }, call('open')],
    [{ 'mcp-name': '=?base64?/w==?=' }, call('ÿ')],
    [{ 'mcp-name': 'b' }, { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'a' } }],
    [{ 'mcp-name': 'open' }, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} }],
    [{ 'mcp-param-region': 'eu' }, call('open', { arguments: { region: 'us' } })],
    [{ 'mcp-param-region': 'eu' }, { jsonrpc: '2.0', id: 1, method: 'ping' }],
    [{}, call('open', { _meta: MODERN })],
    [{ 'mcp-method': 'tools/call' }, call('open', { _meta: MODERN })],
  ])('%o that do not are refused', async (headers, body) => {
    const refused = await send({ headers: headers as never, body })
    expect([refused.status, refused.body.error.code, refused.body.id, asked]).toEqual([400, -32_020, 1, []])
  })

  it.each([
    [{}, call('open')],
    [{ 'mcp-method': 'tools/call', 'mcp-name': 'open' }, call('open', { _meta: MODERN })],
    [{ 'mcp-method': 'tools/call', 'mcp-name': base64('öffnen') }, call('öffnen', { _meta: MODERN })],
    [{ 'mcp-param-region': 'eu' }, call('open', { arguments: { place: { region: 'eu' } } })],
    [{ 'mcp-param-limit': '7' }, call('open', { arguments: { limit: 7 } })],
    [{ 'mcp-method': 'ping' }, { jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta: MODERN } }],
  ])('%o that do are passed on', async (headers, body) => {
    expect((await send({ headers, body })).status).toBe(200)
    expect(asked[0]?.headers).toMatchObject(headers)
  })
})

describe('what the target sees', () => {
  it('is neither the caller’s credential nor what a client says about itself', async () => {
    const headers = {
      'x-capiscio-badge': badge,
      'x-capiscio-agent-id': 'did:web:forged.example',
      'x-capiscio-badge-jti': 'forged',
      'capiscio-server-did': 'did:web:forged.example',
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      connection: 'x-secret-hop',
      'x-secret-hop': '1',
      x_capiscio_agent_id: 'did:web:forged.example',
      mcp_name: 'guarded',
      'x-original-url': '/admin',
      'x-rewrite-url': '/admin',
      'x-http-method-override': 'DELETE',
      'x-http-method': 'DELETE',
      'x-method-override': 'DELETE',
      te: 'trailers',
      origin: 'https://page.example',
      authorization: 'Bearer oauth-token',
      'x-other': 'kept',
    }
    await send({ headers, body: call('guarded', { _meta: { capiscio_caller_badge: badge, other: 1 } }) })
    expect(asked[0]?.body).toEqual(call('guarded', { _meta: { other: 1 } }))
    const seen = asked[0]?.headers ?? {}
    expect(seen).toMatchObject({
      host: target.url.host,
      authorization: 'Bearer oauth-token',
      'x-other': 'kept',
      'accept-encoding': 'identity',
      'x-capiscio-agent-id': 'did:web:registry.capiscio.invalid:agents:example-agent',
      'x-capiscio-badge-jti': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    for (const name of [
      ...['x-capiscio-badge', 'capiscio-server-did', 'x-forwarded-for', 'forwarded', 'x-secret-hop', 'origin'],
      ...['x_capiscio_agent_id', 'mcp_name', 'x-original-url', 'x-rewrite-url'],
      ...['x-http-method-override', 'x-http-method', 'x-method-override'],
    ]) {
      expect(seen).not.toHaveProperty([name])
    }
    expect(JSON.stringify(asked)).not.toContain(badge)
  })

  it('names an agent for nobody without a badge, and for nothing but a call', async () => {
    const headers = { 'x-capiscio-agent-id': 'did:web:forged.example', 'x-capiscio-badge-jti': 'forged' }
    await send({ headers, body: call('open') })
    await send({ headers: { ...headers, 'x-capiscio-badge': badge }, body: { id: 2, method: 'tools/list' } })
    await send({ method: 'GET', headers })
    expect(asked).toHaveLength(3)
    for (const { headers: seen } of asked) {
      expect(seen).not.toHaveProperty(['x-capiscio-agent-id'])
      expect(seen).not.toHaveProperty(['x-capiscio-badge-jti'])
    }
  })

  it('is no bearer token where that is a badge', async () => {
    await proxy.stop()
    proxy = await open({ bearerIsBadge: true })
    const called = await send({ headers: { authorization: `Bearer ${badge}` }, body: call('guarded') })
    expect(called.body.result).toHaveProperty(['_meta', 'io.capisc/evidence'])
    expect(asked[0]?.headers).not.toHaveProperty('authorization')
  })

  it('is nothing of a caller that contradicts itself', async () => {
    const denied = await send({
      headers: { 'x-capiscio-badge': badge },
      body: call('guarded', { _meta: { capiscio_caller_badge: `${badge}x` } }),
    })
    expect([denied.status, denied.body.result.isError, asked]).toEqual([200, true, []])
  })

  it('is nothing of a call whose client went away before the decision', async () => {
    const decision = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<AbortSignal>()
    const decider = createToolDecider(core, '')
    await proxy.stop()
    proxy = await open(
      {},
      {
        ...decider,
        async decide(tool, args, caller, signal) {
          begun.resolve(signal)
          await decision.promise
          return decider.decide(tool, args, caller, new AbortController().signal)
        },
      },
    )
    const leaving = request(new URL(proxy.url), { method: 'POST', headers: { 'content-type': 'application/json' } })
    leaving.on('error', () => undefined)
    leaving.end(JSON.stringify(call('open')))
    const signal = await begun.promise
    leaving.destroy()
    await expect.poll(() => signal.aborted).toBe(true)
    decision.resolve()
    // A later call is decided and passed on; the one before it never was.
    expect((await send({ body: call('open', {}, 'later') })).status).toBe(200)
    expect(asked.map(({ body }) => body?.id)).toEqual(['later'])
  })
})

async function outcomes(): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const { leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
    const record = JSON.parse(new TextDecoder().decode(leaf))
    if (record['event.name'] === 'capiscio.tool_outcome') found.push(record['io.capisc.result'])
  }
  return found
}

describe('what the client sees', () => {
  it('is a listing of what it may run, as JSON and as events', async () => {
    expect((await send({ body: list })).body.result.tools).toHaveLength(1)
    answer = stream(`id: 7\ndata: \n\n: hello\n\n${events({ method: 'notifications/x' }, result(1, { tools: TOOLS }))}`)
    const { text, headers } = await send({ body: list })
    expect(headers['content-type']).toBe('text/event-stream')
    expect(text).toBe(
      `id: 7\ndata: \n\n:\n\n${events({ method: 'notifications/x' }, result(1, { tools: TOOLS.slice(0, 1) }))}`,
    )
  })

  it.each<[string, typeof answer]>([
    ['an answer to another id', (response) => json(response, 200, result(2, { tools: TOOLS }))],
    ['a batch of answers', (response) => json(response, 200, [result(1, { tools: TOOLS })])],
    ['a request of its own', (response) => json(response, 200, { jsonrpc: '2.0', id: 1, method: 'guarded' })],
    ['JSON that is no message', (response) => json(response, 200, { tools: TOOLS })],
    ['text', (response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end('guarded')],
    ['nothing', (response) => void response.writeHead(200).end()],
    ['a redirect', (response) => void response.writeHead(307, { location: 'http://127.0.0.1:9/guarded' }).end()],
    ['an encoded body', (response) => json(response, 200, result(1, { tools: TOOLS }), { 'content-encoding': 'gzip' })],
    [
      'a broken body',
      (response) => response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    ],
    ['no answer', (response) => void response.destroy()],
  ])('is never %s', async (_, said) => {
    answer = said
    const { status, body, text } = await send({ body: list })
    expect([status, body.id, body.error.code]).toEqual([502, 1, -32_603])
    expect(text).not.toContain('guarded')
  })

  it.each([
    ['an answer to another id', events(result(2, { tools: TOOLS }))],
    ['no message', 'data: guarded\n\n'],
    ['a batch', events([result(1, { tools: TOOLS })])],
    ['an answer that comes twice', events(result(1, { tools: [] }), result(1, { tools: TOOLS }))],
  ])('is no event with %s', async (_, text) => {
    answer = stream(text)
    expect((await send({ body: list })).text).not.toContain('guarded')
  })

  it('is the status of a refusal, without its text where that is no message', async () => {
    const challenge = 'Bearer resource_metadata="https://a.example"'
    answer = (response) => json(response, 401, { error: 'invalid_token' }, { 'www-authenticate': challenge })
    const refused = await send({ body: list })
    expect([refused.status, refused.headers['www-authenticate'], refused.body.error.code]).toEqual([
      401,
      challenge,
      -32_603,
    ])
    const error = { code: -32_601, message: 'Method not found' }
    answer = (response) => json(response, 404, { jsonrpc: '2.0', id: 1, error })
    expect(await send({ body: list })).toMatchObject({ status: 404, body: { id: 1, error } })
  })

  it('is that the server is away', async () => {
    await target[Symbol.asyncDispose]()
    expect(await send({ body: call('open') })).toMatchObject({ status: 502, body: { id: 1, error: { code: -32_603 } } })
  })

  it('is the identity of the proxy’s operator alone, in headers and in the discovery document', async () => {
    await proxy.stop()
    proxy = await open({ identity: { did: 'did:web:mcp.example.com', badge: async () => 'badge-1' } })
    answer = (response, body) =>
      json(response, 200, result(body?.id, {}), { 'capiscio-server-did': 'did:web:x.example', 'x-capiscio-y': '1' })
    const { headers } = await send({ body: call('open') })
    expect(headers).toMatchObject({
      'capiscio-server-did': 'did:web:mcp.example.com',
      'capiscio-server-badge': 'badge-1',
    })
    expect(headers).not.toHaveProperty(['x-capiscio-y'])
    const document = await send({ method: 'GET', path: '/.well-known/capiscio/mcp-server.json' })
    expect(document.body).toMatchObject({ server_did: 'did:web:mcp.example.com', server_badge: 'badge-1' })
  })

  it('leaves an outcome in the evidence for each call that ran, also when no answer came', async () => {
    await send({ body: call('open') })
    answer = (response) => void response.destroy()
    await send({ body: call('open') })
    answer = stream('')
    const unanswered = await send({ body: call('open') })
    expect(unanswered.text).toMatch(/^data: \{"jsonrpc":"2.0","id":1,"error":\{"code":-32603,.*\}\}\n\n$/)
    answer = (response) => json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32_600, message: 'no' } })
    expect(await send({ body: call('open') })).toMatchObject({
      status: 400,
      body: { id: null, error: { message: 'no' } },
    })
    await core[Symbol.asyncDispose]()
    expect(await outcomes()).toEqual(['ok', 'error', 'error', 'error'])
  })

  it('leaves an outcome also for a call that the end of the proxy cut off', async () => {
    const reached = Promise.withResolvers<void>()
    answer = () => reached.resolve()
    const called = send({ body: call('open') })
    await reached.promise
    await Promise.all([proxy.stop(), expect(called).rejects.toThrow('socket hang up')])
    await core[Symbol.asyncDispose]()
    expect(await outcomes()).toEqual(['error'])
    core = await openCore('policy.yaml', 'evidence')
    proxy = await open()
  })

  it('ends before the proxy has stopped, so that the core is still there for the last outcome', async () => {
    const happened: string[] = []
    const reached = Promise.withResolvers<void>()
    await proxy.stop()
    proxy = await open(
      {},
      {
        ...createToolDecider(core, ''),
        async decide(_tool, _args, _caller, signal) {
          reached.resolve()
          if (!signal.aborted) await once(signal, 'abort')
          for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
          happened.push('decision ended')
          throw signal.reason
        },
      },
    )
    const called = send({ body: call('open') })
    await reached.promise
    const stopped = proxy.stop().then(() => happened.push('proxy stopped'))
    await Promise.all([stopped, expect(called).rejects.toThrow('socket hang up')])
    expect(happened).toEqual(['decision ended', 'proxy stopped'])
    proxy = await open()
  })

  it('is the end of a message that is no answer, without what the server wrote for nobody', async () => {
    answer = (response) => void response.writeHead(202, { 'content-type': 'text/plain' }).end('Accepted')
    const told = await send({ body: { jsonrpc: '2.0', method: 'notifications/initialized' } })
    expect([told.status, told.text, told.headers['content-type']]).toEqual([202, '', undefined])
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('guarded')
    const watched = await send({ method: 'GET' })
    expect([watched.status, watched.body.error.code]).toEqual([502, -32_603])
  })

  /** More than all buffers on the way hold. */
  const filler = { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(64 * 1024) } }
  const long = events(...Array.from({ length: 400 }, () => filler), result(1, { tools: [] }))

  async function listing(): Promise<IncomingMessage> {
    const sent = request(proxy.url, { method: 'POST', headers: { 'content-type': 'application/json' } })
    sent.end(JSON.stringify(list))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  }

  it('is every event of a long stream, read slowly', async () => {
    const warned: Error[] = []
    const warn = (warning: Error): void => void warned.push(warning)
    process.on('warning', warn)
    answer = stream(long)
    const response = await listing()
    let length = 0
    for await (const chunk of response) {
      length += chunk.length
      await new Promise(setImmediate)
    }
    process.off('warning', warn)
    expect([length, warned]).toEqual([long.length, []])
  })

  it('is nothing more of a stream that it left unread, which holds up nobody', async () => {
    const left = Promise.withResolvers<void>()
    answer = (response) => {
      response.once('close', () => left.resolve())
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(long)
    }
    const response = await listing()
    await once(response, 'readable')
    response.destroy()
    await left.promise
    await proxy.stop()
    proxy = await open()
  })
})

describe('a session', () => {
  async function initialize() {
    answer = (response, body) => json(response, 200, result(body?.id, {}), { 'mcp-session-id': 's-1' })
    const { headers } = await send({ body: { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} } })
    expect(headers['mcp-session-id']).toBe('s-1')
  }
  const headers = { 'mcp-session-id': 's-1' }

  it('gets the answers to its requests on any of its streams, filtered, and no others', async () => {
    await initialize()
    // The stream ends before the answer, as when a connection breaks.
    answer = (response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: 1\ndata: \n\n')
    await send({ headers, body: { jsonrpc: '2.0', id: 5, method: 'tools/list' } })
    const late = `id: 2\ndata: ${JSON.stringify(result(asked.at(-1)?.body?.id, { tools: TOOLS }))}\n\n`
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(late + late)
    const resumed = await send({ method: 'GET', headers: { ...headers, 'last-event-id': '1' } })
    expect(asked.at(-1)?.headers).toMatchObject({ 'last-event-id': '1' })
    expect(resumed.text).toBe(`id: 2\ndata: ${JSON.stringify(result(5, { tools: TOOLS.slice(0, 1) }))}\n\n`)
    const outside = await send({ method: 'GET' })
    expect(outside.text).toBe('')
  })

  it('takes what its server sends again for no answer to another request', async () => {
    await initialize()
    const listing = (id: unknown) => `id: 2\ndata: ${JSON.stringify(result(id, { tools: TOOLS }))}\n\n`
    answer = (response, body) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(listing(body?.id))
    await send({ headers, body: { jsonrpc: '2.0', id: 5, method: 'tools/list' } })
    const sent = listing(asked.at(-1)?.body?.id)
    // Another request under the same id, whose stream breaks, and then the first one's stream anew.
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end()
    await send({ headers, body: { jsonrpc: '2.0', id: 5, method: 'prompts/list' } })
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(sent)
    const resumed = await send({ method: 'GET', headers: { ...headers, 'last-event-id': '1' } })
    expect(resumed.text).toBe('')
  })

  it('gets an answer whose first stream broke', async () => {
    await initialize()
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('id: 1\ndata: \n\n', () => response.destroy())
    }
    expect((await send({ headers, body: call('open', {}, 5) })).text).toBe('id: 1\ndata: \n\n')
    const id = asked.at(-1)?.body?.id
    answer = (response) =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(`data: ${JSON.stringify(result(id, { content: [] }))}\n\n`)
    expect((await send({ method: 'GET', headers })).text).toContain('"id":5')
  })

  it('can use an id again after an error that names no request', async () => {
    await initialize()
    answer = (response) => json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32_600, message: 'no' } })
    await send({ headers, body: call('open', {}, 5) })
    answer = friendly
    expect((await send({ headers, body: call('open', {}, 5) })).body).toHaveProperty('result')
  })

  it('cancels its calls', async () => {
    await initialize()
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 9 } }
    answer = friendly
    await send({ headers, body: cancelled })
    expect(asked.at(-1)?.body?.method).toBe('initialize')
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('')
    await send({ headers, body: call('open', {}, 9) })
    const requestId = asked.at(-1)?.body?.id
    answer = friendly
    await send({ headers, body: cancelled })
    expect(asked.at(-1)?.body).toEqual({ ...cancelled, params: { requestId } })
  })

  it('has given up a call whose stream broke when nobody came for ten minutes, and records its failure', async () => {
    await initialize()
    answer = stream('')
    await send({ headers, body: call('open', {}, 5) })
    const late = result(asked.at(-1)?.body?.id, { content: [] })
    timer.advance(599_999)
    answer = stream('')
    await send({ method: 'GET', headers })
    timer.advance(599_999)
    expect(timer.pending).toBe(1)
    timer.advance(1)
    answer = stream(events(late))
    expect((await send({ method: 'GET', headers })).text).toBe('')
    await core[Symbol.asyncDispose]()
    expect(await outcomes()).toEqual(['error'])
  })

  it.each<[string, () => Promise<unknown>]>([
    ['its server ends it', () => send({ method: 'DELETE', headers })],
    ['the proxy stops', () => proxy.stop()],
  ])('has given up its calls when %s', async (_, end) => {
    await initialize()
    answer = stream('')
    await send({ headers, body: call('open', {}, 5) })
    answer = (response) => void response.writeHead(200).end()
    await end()
    expect(timer.pending).toBe(0)
    await core[Symbol.asyncDispose]()
    expect(await outcomes()).toEqual(['error'])
  })

  it('ends when its server says so, and not before', async () => {
    await initialize()
    answer = (response) => void response.writeHead(405).end()
    await send({ method: 'DELETE', headers })
    answer = (response) => void response.writeHead(200).end()
    expect((await send({ method: 'DELETE', headers })).status).toBe(200)
    expect((await send({ method: 'DELETE', headers })).status).toBe(404)
  })
})

describe('a proxy that is told to stop', () => {
  it('lets calls end, takes no more, and takes what the calls wait for', async () => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    let finish = (): void => {}
    answer = (response, body) => {
      if (body?.method !== 'tools/call') return friendly(response, body, {} as IncomingMessage)
      finish = () => friendly(response, body, {} as IncomingMessage)
      reach()
    }
    const called = send({ body: call('open') })
    await reached
    const stopped = proxy.stop(1000)
    const refused = await send({ body: list })
    expect(refused).toMatchObject({ status: 503, body: { id: 1, error: { code: -32_603 } } })
    const told = { jsonrpc: '2.0', id: 9, result: { action: 'accept' } }
    expect([(await send({ body: told })).status, asked.at(-1)?.body]).toEqual([202, told])
    finish()
    expect((await called).body).toHaveProperty('result')
    await stopped
    await core[Symbol.asyncDispose]()
    expect(await outcomes()).toEqual(['ok'])
  })

  it('waits no longer than it was told to, and for no subscription', async () => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    answer = () => reach()
    const called = send({ body: call('open') })
    await reached
    const stopped = proxy.stop(1000)
    timer.advance(1000)
    await Promise.all([stopped, expect(called).rejects.toThrow('socket hang up')])
    proxy = await open()
    const { promise: listened, resolve: listen } = Promise.withResolvers<void>()
    answer = () => listen()
    const listening = send({ body: { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen' } })
    await listened
    await Promise.all([proxy.stop(1000), expect(listening).rejects.toThrow('socket hang up')])
    await core[Symbol.asyncDispose]()
    expect(await outcomes()).toEqual(['error'])
  })
})

describe('a task', () => {
  it('is for the caller whose call began it, with whatever good badge it comes', async () => {
    const renewed = await devCredential(folder, 'badges', 'level-3.jwt')
    answer = (response, body) => json(response, 200, result(body?.id, { task: { taskId: 't-1' } }))
    await send({ headers: { 'x-capiscio-badge': badge }, body: call('guarded', { task: {} }) })
    answer = (response, body) =>
      json(response, 200, result(body?.id, { tasks: [{ taskId: 't-1' }, { taskId: 't-2' }], content: ['secret'] }))
    const got: unknown[] = []
    for (const shown of [badge, renewed, undefined, `${badge}x`]) {
      const headers: Record<string, string> = shown === undefined ? {} : { 'x-capiscio-badge': shown }
      const list = await send({ headers, body: { jsonrpc: '2.0', id: 1, method: 'tasks/list' } })
      const params = { taskId: 't-1' }
      const given = await send({ headers, body: { jsonrpc: '2.0', id: 2, method: 'tasks/result', params } })
      got.push([list.body.result?.tasks, given.body.result?.content ?? given.body.error])
    }
    const notFound = { code: -32_602, message: 'Task not found.' }
    expect(got).toEqual([
      [[{ taskId: 't-1' }], ['secret']],
      [[{ taskId: 't-1' }], ['secret']],
      [[], notFound],
      [undefined, notFound],
    ])
    await core[Symbol.asyncDispose]()
    const denied = []
    for await (const { leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
      const record = JSON.parse(new TextDecoder().decode(leaf))
      if (record['capiscio.decision'] === 'DENY') denied.push(record['capiscio.target'])
    }
    expect(denied).toEqual(['/tasks', '/tasks'])
  })
})

describe('a listing through the proxy', () => {
  const words = fc.constantFrom('read', 'write', 'row', 'é', '__proto__')
  const name = fc.array(words, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('_'))
  const level = fc.integer({ min: 0, max: 4 })
  const rule = fc.record({ match: fc.tuple(fc.oneof(name, fc.constant('*_row'))), minTrustLevel: level })
  const refusal = fc.record({ match: fc.tuple(name), deny: fc.constant(true) })

  it('shows what a call may run, under any policy and for any caller', async () => {
    const badges = await Promise.all([1, 2, 3, 4].map((at) => devCredential(folder, 'badges', `level-${at}.jwt`)))
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(rule, refusal), { maxLength: 4 }),
        fc.option(level),
        fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
        async (tools, fallback, offered) => {
          run += 1
          const text = { version: 1, tools, ...(fallback !== null && { default: { minTrustLevel: fallback } }) }
          await writeFile(join(folder, 'any.yaml'), JSON.stringify(text))
          await proxy.stop()
          await core[Symbol.asyncDispose]()
          core = await openCore('any.yaml', `evidence-${run}`)
          proxy = await open()
          answer = (response, body) => {
            const listing = { tools: offered.map((tool) => ({ name: tool })) }
            json(response, 200, result(body?.id, body?.method === 'tools/list' ? listing : { ran: true }))
          }
          for (const shown of [undefined, `${badges[0]}x`, ...badges]) {
            const headers: Record<string, string> = shown === undefined ? {} : { 'x-capiscio-badge': shown }
            const listing = await send({ headers, body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } })
            const ran = []
            for (const tool of offered) {
              const { body } = await send({ headers, body: call(tool) })
              if (body.result.ran === true) ran.push(tool)
            }
            expect(listing.body.result.tools.map((tool: { name: string }) => tool.name)).toEqual(ran)
          }
        },
      ),
      { numRuns: 8 },
    )
  })
})

describe('the way to the target', () => {
  it('is closed to a certificate that nobody vouches for', async () => {
    const { certificate, TEST_CA } = await import('../fakes/https-server.ts')
    const { createServer: createHttpsServer } = await import('node:https')
    const secure = createHttpsServer(certificate('good'), (_incoming, response) => json(response, 200, result(1, {})))
    secure.listen(0, '127.0.0.1')
    await once(secure, 'listening')
    const { port } = secure.address() as { port: number }
    const at = new URL(`https://localhost:${port}/mcp`)
    await proxy.stop()
    proxy = await open({ target: at })
    expect((await send({ body: call('open') })).status).toBe(502)
    await proxy.stop()
    proxy = await open({ target: at, targetCa: TEST_CA })
    expect((await send({ body: call('open') })).status).toBe(200)
    secure.closeAllConnections()
    await new Promise((resolve) => secure.close(resolve))
  })

  it('keeps the target’s query, and nobody else’s', async () => {
    const paths: (string | undefined)[] = []
    const listening = createServer((incoming, response) => {
      paths.push(incoming.url)
      json(response, 200, result(1, {}))
    })
    listening.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const { port } = listening.address() as { port: number }
    await proxy.stop()
    proxy = await open({ target: new URL(`http://127.0.0.1:${port}/mcp?key=operator`) })
    await send({ path: '/mcp?key=caller', body: call('open') })
    expect(paths).toEqual(['/mcp?key=operator'])
    listening.closeAllConnections()
    await new Promise((resolve) => listening.close(resolve))
  })
})
