import { hash } from 'node:crypto'
import { readEvidenceLogs } from '@capiscio/core'
import { canonicalJson } from '@capiscio/proto/sdk'
import { InMemoryTransport as MemoryV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type CoreClient, type ProtectServerOptions, protectServer } from '../../sdk-node/src/index.ts'
import { type HttpEndpoint, listen, listenV1, listenV2 } from '../fakes/mcp/http-endpoint.ts'
import { type McpWorld, openMcpWorld } from '../tools/mcp-world.ts'

type Kind = 'v1' | 'v2 legacy' | 'v2 modern'
const KINDS: Kind[] = ['v1', 'v2 legacy', 'v2 modern']

const POLICY = `version: 1
default: { minTrustLevel: 0 }
tools:
  - match: ["guarded"]
    minTrustLevel: 3
`

let world: McpWorld
let endpoint: HttpEndpoint
/** Tools that ran, with their arguments. */
let runs: unknown[]

beforeAll(async () => {
  world = await openMcpWorld(POLICY)
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(() => {
  runs = []
})
afterEach(() => endpoint?.[Symbol.asyncDispose]())

/** Any arguments: the tool tells what it was given. */
const ANYTHING = z.looseObject({})

function build<S extends McpServerV1 | McpServerV2>(server: S, options: ProtectServerOptions = {}): S {
  protectServer(server, { client: world.core, ...options })
  for (const name of ['open', 'guarded']) {
    ;(server as McpServerV2).registerTool(name, { inputSchema: ANYTHING }, (args) => {
      runs.push([name, args])
      return { content: [{ type: 'text', text: name }] }
    })
  }
  return server
}

const serve = (kind: Kind): Promise<HttpEndpoint> =>
  kind === 'v1'
    ? listenV1(() => build(new McpServerV1({ name: 's', version: '1' })))
    : listenV2(() => build(new McpServerV2({ name: 's', version: '1' })))

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** What a client of that kind has to say about itself, as members of `_meta`. */
const envelope = (kind: Kind): string => (kind === 'v2 modern' ? JSON.stringify(ENVELOPE).slice(1, -1) : '"x":1')

interface Answer {
  readonly status: number
  readonly messages: Record<string, unknown>[]
}

/** Posts a body as it is written here. */
async function post(kind: Kind, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const modern = { 'Mcp-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'open' }
  const response = await fetch(endpoint.url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(kind === 'v2 modern' && modern),
      ...headers,
    },
    body,
  })
  const text = await response.text()
  const found =
    text.startsWith('{') || text.startsWith('[')
      ? [text]
      : [...text.matchAll(/^data: (.+)$/gm)].map(([, json]) => json ?? '')
  const messages = found.flatMap((json) => JSON.parse(json))
  return { status: response.status, messages }
}

/** The body of a call, whose params and further members are written as they are. */
const call = (kind: Kind, params: string, more = '"id":1,"method":"tools/call"'): string =>
  `{"jsonrpc":"2.0",${more},"params":{${params},"_meta":{${envelope(kind)}}}}`

/** Decisions in the log, oldest first. */
async function decisions(): Promise<Record<string, unknown>[]> {
  const found = []
  for await (const { leaf } of readEvidenceLogs({ root: `${world.folder}/evidence` })) {
    const record = JSON.parse(new TextDecoder().decode(leaf)) as Record<string, unknown>
    if (record['event.name'] === 'capiscio.tool_invocation') found.push(record)
  }
  return found
}

describe.each(KINDS)('a protected endpoint of %s', (kind) => {
  beforeEach(async () => {
    endpoint = await serve(kind)
  })

  it('runs an honest call once, and records what ran', async () => {
    await post(kind, call(kind, '"name":"open","arguments":{"a":1}'))
    expect(runs).toEqual([['open', { a: 1 }]])
    expect((await decisions()).at(-1)).toMatchObject({ 'capiscio.target': 'open', 'capiscio.decision': 'ALLOW' })
  })

  it.each<[string, string]>([
    ['of two names', '"name":"open","name":"guarded","arguments":{}'],
    ['of two names, the first one guarded', '"Name":"open","name":"guarded","arguments":{}'],
    ['whose name is in a prototype', '"__proto__":{"name":"open"},"arguments":{}'],
    ['without a name', '"arguments":{}'],
    ['with an empty name', '"name":"","arguments":{}'],
    ['with a list of names', '"name":["open"],"arguments":{}'],
    ['with a name of a megabyte', `"name":"${'x'.repeat(1024 * 1024)}","arguments":{}`],
    ['with arguments of half a character', '"name":"open","arguments":{"a":"\\ud800"}'],
    ['of a task for a guarded tool', '"name":"guarded","arguments":{},"task":{"ttl":60000}'],
  ])('runs nothing on a call %s', async (_, params) => {
    await post(kind, call(kind, params))
    expect(runs).toEqual([])
  })

  it.each<[string, string]>([
    ['no request at all', '"method":"tools/call"'],
    ['a request without a usable id', '"id":null,"method":"tools/call"'],
    ['a request whose id is an object', '"id":{},"method":"tools/call"'],
    ['a reply, too', '"id":1,"result":{},"method":"tools/call"'],
    ['an error, too', '"id":1,"error":{"code":1,"message":"x"},"method":"tools/call"'],
    ['in another spelling', '"id":1,"method":"Tools/Call"'],
    ['of two methods', '"id":1,"method":"ping","method":"tools/call"'],
  ])('does not run a guarded tool on what is %s', async (_, members) => {
    await post(kind, call(kind, '"name":"guarded","arguments":{}', members))
    expect(runs).toEqual([])
  })

  it('decides each message of a batch by itself', async () => {
    const one = (id: number, name: string): string =>
      call(kind, `"name":"${name}","arguments":{}`, `"id":${id},"method":"tools/call"`)
    await post(kind, `[${one(1, 'guarded')},${one(2, 'open')},${one(2, 'guarded')}]`)
    expect(JSON.stringify(runs)).not.toContain('guarded')
  })

  it('hashes and runs the same of two arguments of one name, and no prototype', async () => {
    const given = '"name":"open","arguments":{"a":1,"a":2,"__proto__":{"b":3},"constructor":{"prototype":{"c":4}}}'
    await post(kind, call(kind, given))
    expect(runs).toHaveLength(1)
    const [[, args]] = runs as [[string, Record<string, unknown>]]
    expect(args.a).toBe(2)
    expect(args.b).toBeUndefined()
    expect(({} as Record<string, unknown>).c).toBeUndefined()
    expect((await decisions()).at(-1)).toMatchObject({
      'capiscio.tool.params_hash': `sha256:${hash('sha256', canonicalJson(args), 'base64url')}`,
    })
  })

  it('refuses a caller who says two things about himself, and takes the same thing twice', async () => {
    const [low, , high] = world.badges
    const claim = (text: string): string => `"name":"guarded","arguments":{},"_meta":{${envelope(kind)},${text}}`
    const body = (text: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${claim(text)}}}`
    const named = { 'Mcp-Name': 'guarded' }
    const denied = async (text: string, headers: Record<string, string> = {}) => {
      const { messages } = await post(kind, body(text), { ...named, ...headers })
      expect(messages).toMatchObject([
        { result: { isError: true, _meta: { 'io.capisc/denial': { code: 'TOOL_BADGE_INVALID' } } } },
      ])
      expect(runs).toEqual([])
    }
    await denied(`"capiscio_caller_badge":"${high}","io.capisc/caller-badge":"${low}"`)
    await denied(`"capiscio_caller_badge":"${high}"`, { 'X-Capiscio-Badge': low })
    await denied(`"capiscio_caller_badge":"${high}","capiscio_caller_api_key":"${world.apiKey}"`)
    await denied('"y":1', { 'X-Capiscio-Badge': `${high}, ${low}` })
    await denied(`"capiscio_caller_badge":["${high}"]`)
    await post(kind, body(`"capiscio_caller_badge":"${high}","io.capisc/caller-badge":"${high}"`), {
      ...named,
      'X-Capiscio-Badge': high,
    })
    expect(runs).toEqual([['guarded', {}]])
  })

  it('runs nothing for a credential of 10 MB, and nothing that it cannot take for other _meta of 10 MB', async () => {
    const blob = 'x'.repeat(10 * 1024 * 1024)
    const body = (text: string): string =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"guarded","arguments":{},"_meta":{${envelope(kind)},${text}}}}`
    for (const text of [`"capiscio_caller_badge":"${blob}"`, `"com.example/blob":"${blob}"`]) {
      await post(kind, body(text), { 'Mcp-Name': 'guarded' })
      expect(runs).toEqual([])
    }
    const badge = 'x'.repeat(1024 * 1024)
    const { messages } = await post(kind, body(`"capiscio_caller_badge":"${badge}"`), { 'Mcp-Name': 'guarded' })
    expect(messages).toMatchObject([
      { result: { isError: true, _meta: { 'io.capisc/denial': { code: 'TOOL_BADGE_INVALID' } } } },
    ])
    expect(runs).toEqual([])
  })

  it('decides by the body, whatever its headers say', async () => {
    const headers = { 'Mcp-Name': 'open', 'Mcp-Method': 'tools/call' }
    const { status, messages } = await post(kind, call(kind, '"name":"guarded","arguments":{}'), headers)
    expect(runs).toEqual([])
    if (kind === 'v2 modern') expect([status, messages]).toMatchObject([400, [{ error: { code: -32_020 } }]])
    else expect(messages).toMatchObject([{ result: { _meta: { 'io.capisc/denial': { code: 'TOOL_AUTH_MISSING' } } } }])
    const listing = await post(kind, call(kind, '"name":"guarded","arguments":{}'), { 'Mcp-Method': 'tools/list' })
    expect(runs).toEqual([])
    if (kind === 'v2 modern') expect(listing.status).toBe(400)
  })
})

/** Decides as the core does, when it is let. */
function gatedCore() {
  const before = Promise.withResolvers<void>()
  const after = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const decided = Promise.withResolvers<void>()
  const core: CoreClient = Object.create(world.core, {
    evaluateToolAccess: {
      value: async (...args: Parameters<CoreClient['evaluateToolAccess']>) => {
        asked.resolve()
        await before.promise
        const answer = await world.core.evaluateToolAccess(...args)
        decided.resolve()
        await after.promise
        return answer
      },
    },
  })
  return { core, asked: asked.promise, decided: decided.promise, decide: before.resolve, answer: after.resolve }
}

describe.each(['v1', 'v2'] as const)('a protected server of SDK %s in the same process as its caller', (sdk) => {
  it('runs what was decided, whatever its caller makes of it meanwhile', async () => {
    const gate = gatedCore()
    const options = { client: gate.core }
    const server =
      sdk === 'v1'
        ? build(new McpServerV1({ name: 's', version: '1' }), options)
        : build(new McpServerV2({ name: 's', version: '1' }), options)
    const [mine, theirs] = sdk === 'v1' ? MemoryV1.createLinkedPair() : MemoryV2.createLinkedPair()
    await server.connect(theirs as never)
    const answers: unknown[] = []
    mine.onmessage = (message: unknown) => void answers.push(message)
    await mine.start()
    let reads = 0
    const args = {
      list: ['a'],
      inner: {
        get path() {
          reads += 1
          return `read ${reads}`
        },
      },
    }
    const params = { name: 'open', arguments: args }
    await mine.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params } as never)
    await gate.asked
    args.list.push('b')
    Object.assign(args, { more: true, toJSON: () => 'other' })
    params.name = 'guarded'
    gate.decide()
    gate.answer()
    await expect.poll(() => answers.length).toBe(1)
    expect(runs).toEqual([['open', { list: ['a'], inner: { path: expect.stringMatching(/^read \d$/) } }]])
    const [[, ran]] = runs as [[string, unknown]]
    expect((await decisions()).at(-1)).toMatchObject({
      'capiscio.target': 'open',
      'capiscio.tool.params_hash': `sha256:${hash('sha256', canonicalJson(ran), 'base64url')}`,
    })
  })
})

describe('a tool that is renamed', () => {
  it('is decided by the name that it is called by', async () => {
    const server = protectServer(new McpServerV1({ name: 's', version: '1' }), { client: world.core })
    const tool = server.registerTool('open', { inputSchema: ANYTHING }, () => {
      runs.push('ran')
      return { content: [] }
    })
    const [mine, theirs] = MemoryV1.createLinkedPair()
    await server.connect(theirs)
    const mcp = new ClientV1({ name: 'c', version: '1' })
    await mcp.connect(mine)
    expect((await mcp.listTools()).tools.map(({ name }) => name)).toEqual(['open'])
    tool.update({ name: 'guarded' })
    expect(await mcp.callTool({ name: 'guarded', arguments: {} })).toMatchObject({
      _meta: { 'io.capisc/denial': { code: 'TOOL_AUTH_MISSING' } },
    })
    expect(await mcp.callTool({ name: 'open', arguments: {} })).toMatchObject({ isError: true })
    expect(runs).toEqual([])
    expect((await mcp.listTools()).tools).toEqual([])
    await mcp.close()
  })
})

describe('a listing', () => {
  it('is filtered page by page', async () => {
    const names = ['open', 'guarded', 'open_2', 'guarded']
    endpoint = await listenV1(() => {
      const server = protectServer(new ServerV1({ name: 's', version: '1' }, { capabilities: { tools: {} } }), {
        client: world.core,
      })
      server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
        const at = Number(params?.cursor ?? 0)
        const tools = names.slice(at, at + 1).map((name) => ({ name, inputSchema: { type: 'object' as const } }))
        return { tools, ...(at + 1 < names.length && { nextCursor: String(at + 1) }) }
      })
      return server as unknown as McpServerV1
    })
    const pages: unknown[] = []
    for (const cursor of ['"x":1', '"cursor":"1"', '"cursor":"2"', '"cursor":"3"']) {
      const { messages } = await post('v1', call('v1', cursor, '"id":1,"method":"tools/list"'))
      pages.push(
        messages.map(({ result }) => [
          (result as { tools: { name: string }[] }).tools.map(({ name }) => name),
          (result as { nextCursor?: string }).nextCursor,
        ]),
      )
    }
    expect(pages).toEqual([[[['open'], '1']], [[[], '2']], [[['open_2'], '3']], [[[], undefined]]])
  })

  it('of one caller is cached for no other, whatever the server says about caches', async () => {
    const cacheHints = { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' } } as const
    endpoint = await listenV2(() => build(new McpServerV2({ name: 's', version: '1' }, { cacheHints })))
    const body = call('v2 modern', '"x":1', '"id":1,"method":"tools/list"')
    const { messages } = await post('v2 modern', body, { 'Mcp-Method': 'tools/list', 'Mcp-Name': '' })
    expect(messages).toMatchObject([{ result: { tools: [{ name: 'open' }], ttlMs: 60_000, cacheScope: 'private' } }])
  })
})

describe('a call that is cancelled', () => {
  /** A stateful endpoint of v1 with one slow tool, and what its server heard. */
  async function slow(client: CoreClient) {
    const heard: string[] = []
    const started = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<boolean>()
    const server = protectServer(new McpServerV1({ name: 's', version: '1' }), { client })
    server.registerTool('open', { inputSchema: ANYTHING }, async (_, { signal }) => {
      runs.push('open')
      started.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      ended.resolve(signal.aborted)
      return { content: [] }
    })
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'session' })
    await server.connect(transport as never)
    const deliver = transport.onmessage
    transport.onmessage = (message, extra) => {
      deliver?.(message, extra)
      if ('method' in message) heard.push(message.method)
    }
    endpoint = await listen(() => (request, response) => void transport.handleRequest(request, response))
    const mcp = new ClientV1({ name: 'c', version: '1' })
    await mcp.connect(new HttpV1(endpoint.url) as never)
    const cancel = new AbortController()
    const outcome = mcp.callTool({ name: 'open', arguments: {} }, undefined, { signal: cancel.signal }).then(
      () => 'answered',
      () => 'cancelled',
    )
    const cancelled = async (): Promise<void> => {
      cancel.abort()
      await expect.poll(() => heard).toContain('notifications/cancelled')
    }
    return { mcp, outcome, cancelled, started: started.promise, ended: ended.promise }
  }

  it('before its decision does not run', async () => {
    const gate = gatedCore()
    const { mcp, outcome, cancelled } = await slow(gate.core)
    await gate.asked
    await cancelled()
    gate.decide()
    gate.answer()
    expect(await outcome).toBe('cancelled')
    await mcp.ping()
    expect(runs).toEqual([])
    await mcp.close()
  })

  it('when it is decided already does not run either', async () => {
    const gate = gatedCore()
    const { mcp, outcome, cancelled } = await slow(gate.core)
    gate.decide()
    await gate.decided
    await cancelled()
    gate.answer()
    expect(await outcome).toBe('cancelled')
    await mcp.ping()
    expect(runs).toEqual([])
    expect((await decisions()).at(-1)).toMatchObject({ 'capiscio.target': 'open', 'capiscio.decision': 'ALLOW' })
    await mcp.close()
  })

  it('while it runs is told so, and ran once', async () => {
    const { mcp, outcome, cancelled, started, ended } = await slow(world.core)
    await started
    await cancelled()
    expect(await ended).toBe(true)
    expect(await outcome).toBe('cancelled')
    expect(runs).toEqual(['open'])
    await mcp.close()
  })
})
