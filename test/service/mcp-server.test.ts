import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as ClientV2, InMemoryTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as InMemoryTransportV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2, Server as ServerV2 } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  type CoreClient,
  createCoreClient,
  credentialToMeta,
  type ProtectServerOptions,
  protectServer,
} from '../../sdk-node/src/index.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'

let core: CoreProcess
let client: CoreClient
let badge: string

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-mcp-')))
  client = createCoreClient({ address: core.address })
  badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

const DEMANDS: ProtectServerOptions = {
  defaults: { minTrustLevel: 1 },
  tools: { open: {}, deep: { minTrustLevel: 3 } },
}

/** A client of a server with the tools `open`, `read`, `deep` that say what they ran with. */
interface World {
  readonly runs: unknown[]
  list(meta?: object): Promise<string[]>
  call(
    name: string,
    meta?: object,
    args?: object,
  ): Promise<{ isError?: boolean; _meta?: Record<string, unknown>; content: unknown }>
  handshakeMeta(): unknown
  close(): Promise<void>
}

function registerTools(server: McpServerV1 | McpServerV2, runs: unknown[]): void {
  for (const name of ['open', 'read', 'deep']) {
    ;(server as McpServerV2).registerTool(
      name,
      { inputSchema: z.object({ text: z.string().optional() }) },
      async (args) => {
        runs.push([name, args])
        return { content: [{ type: 'text', text: 'done' }], _meta: { 'com.example/own': 1 } }
      },
    )
  }
}

async function v2(mode: 'legacy' | 'modern', options: ProtectServerOptions): Promise<World> {
  const runs: unknown[] = []
  const build = () => {
    const server = protectServer(new McpServerV2({ name: 's', version: '1' }), { ...options, client })
    registerTools(server, runs)
    return server
  }
  const [mine, theirs] = InMemoryTransport.createLinkedPair()
  const mcp = new ClientV2(
    { name: 'c', version: '1' },
    mode === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
  )
  if (mode === 'modern') serveStdio(build, { transport: theirs })
  else await build().connect(theirs)
  let handshake: unknown
  const watched = new Proxy(mine, {
    set(target, name, value) {
      if (name !== 'onmessage' || typeof value !== 'function') return Reflect.set(target, name, value, target)
      target.onmessage = (message, extra) => {
        const result = (message as { result?: { _meta?: Record<string, unknown> } }).result
        if (result?._meta !== undefined && 'capiscio_server_did' in result._meta) handshake = result._meta
        ;(value as typeof target.onmessage)?.(message, extra as never)
      }
      return true
    },
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'constructor' ? value.bind(target) : value
    },
  })
  await mcp.connect(watched)
  return {
    runs,
    list: async (_meta = {}) =>
      (await mcp.request({ method: 'tools/list', params: { _meta: { ..._meta } } })).tools.map(({ name }) => name),
    call: async (name, _meta = {}, args = {}) =>
      (await mcp.callTool({ name, arguments: args as never, _meta: { ..._meta } })) as never,
    handshakeMeta: () => handshake,
    close: () => mcp.close(),
  }
}

async function v1(options: ProtectServerOptions): Promise<World> {
  const runs: unknown[] = []
  const server = protectServer(new McpServerV1({ name: 's', version: '1' }), { ...options, client })
  registerTools(server, runs)
  const [mine, theirs] = InMemoryTransportV1.createLinkedPair()
  let handshake: unknown
  await server.connect(theirs)
  const mcp = new ClientV1({ name: 'c', version: '1' })
  const connected = mcp.connect(mine)
  const deliver = mine.onmessage
  mine.onmessage = (message, extra) => {
    const result = (message as { result?: { _meta?: Record<string, unknown> } }).result
    if (result?._meta !== undefined && 'capiscio_server_did' in result._meta) handshake = result._meta
    deliver?.(message, extra)
  }
  await connected
  return {
    runs,
    list: async (_meta = {}) => (await mcp.listTools({ _meta } as never)).tools.map(({ name }) => name),
    call: async (name, _meta = {}, args = {}) =>
      (await mcp.callTool({ name, arguments: args as never, _meta } as never)) as never,
    handshakeMeta: () => handshake,
    close: () => mcp.close(),
  }
}

const WORLDS: [string, (options: ProtectServerOptions) => Promise<World>][] = [
  ['v2 in the modern era', (options) => v2('modern', options)],
  ['v2 in the legacy era', (options) => v2('legacy', options)],
  ['v1', v1],
]

describe.each(WORLDS)('a protected server of SDK %s', (_name, open) => {
  it('runs a tool for a caller with a good badge, gives a receipt, and keeps the tool’s own _meta', async () => {
    const world = await open(DEMANDS)
    const result = await world.call('read', credentialToMeta({ badge }), { text: 'x' })
    expect(world.runs).toEqual([['read', { text: 'x' }]])
    expect(result.isError).toBeFalsy()
    expect(result._meta).toMatchObject({
      'com.example/own': 1,
      'io.capisc/evidence': {
        evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        leafIndex: expect.stringMatching(/^\d+$/),
      },
    })
    await world.close()
  })

  it('denies with reason and record, and never runs the tool', async () => {
    const world = await open(DEMANDS)
    const deny = async (name: string, meta?: object) => {
      const result = await world.call(name, meta)
      expect(result.isError).toBe(true)
      return result._meta?.['io.capisc/denial']
    }
    const evidenceId = expect.stringMatching(/^[0-9a-f-]{36}$/)
    expect(await deny('read')).toEqual({ code: 'TOOL_AUTH_MISSING', reason: 'BADGE_MISSING', evidenceId })
    expect(await deny('deep', credentialToMeta({ badge }))).toEqual({
      code: 'TOOL_TRUST_INSUFFICIENT',
      reason: 'TRUST_INSUFFICIENT',
      evidenceId,
    })
    expect(await deny('read', { capiscio_caller_badge: badge, 'io.capisc/caller-badge': `${badge}x` })).toMatchObject({
      code: 'TOOL_BADGE_INVALID',
      evidenceId,
    })
    expect(await deny('read', { capiscio_caller_badge: 7 })).toMatchObject({ code: 'TOOL_BADGE_INVALID', evidenceId })
    expect(world.runs).toEqual([])
    await world.close()
  })

  it('lists to each caller what it may run', async () => {
    const world = await open(DEMANDS)
    expect(await world.list()).toEqual(['open'])
    expect(await world.list(credentialToMeta({ badge }))).toEqual(['open', 'read'])
    await world.close()
  })

  it.each([true, false])('tells of a demand for a tool that it has not (filtered: %s)', async (filterListings) => {
    const name = `reed-${randomUUID()}`
    const warnings: Error[] = []
    const keep = (warning: Error): void => void warnings.push(warning)
    process.on('warning', keep)
    const world = await open({ ...DEMANDS, tools: { ...DEMANDS.tools, [name]: { minTrustLevel: 3 } }, filterListings })
    await world.list()
    const unlisted = { code: 'CAPISCIO_TOOL_UNLISTED', message: expect.stringContaining(name) }
    await expect.poll(() => warnings).toContainEqual(expect.objectContaining(unlisted))
    process.off('warning', keep)
    await world.close()
  })

  it('runs an open tool for anybody', async () => {
    const world = await open(DEMANDS)
    expect((await world.call('open', { 'com.example/trace': 'x' })).isError).toBeFalsy()
    expect(world.runs).toEqual([['open', {}]])
    await world.close()
  })

  it('discloses who it is with the badge that is current now', async () => {
    let current = 'badge-1'
    const world = await open({ ...DEMANDS, identity: { did: 'did:web:mcp.example.com', badge: () => current } })
    current = 'badge-2'
    expect(world.handshakeMeta()).toMatchObject({
      capiscio_server_did: 'did:web:mcp.example.com',
      'io.capisc/server-badge': 'badge-1',
    })
    await world.close()
  })
})

describe('protectServer', () => {
  it('refuses a server that has tools already', () => {
    for (const server of [new McpServerV2({ name: 's', version: '1' }), new McpServerV1({ name: 's', version: '1' })]) {
      registerTools(server, [])
      expect(() => protectServer(server, { client })).toThrow(TypeError)
    }
  })

  it('refuses a server whose fallback would run tools already, and one that cannot tell', () => {
    const server = new ServerV1({ name: 's', version: '1' }, {})
    server.fallbackRequestHandler = async () => ({})
    expect(() => protectServer(server, { client })).toThrow('before the first tool')
    const unknown = { setRequestHandler: () => undefined, connect: async () => undefined }
    expect(() => protectServer(unknown, { client })).toThrow('cannot tell')
  })

  it.each([
    ['v1', () => new ServerV1({ name: 's', version: '1' }, { capabilities: { tools: {} } })],
    ['v2', () => new ServerV2({ name: 's', version: '1' }, { capabilities: { tools: {} } })],
  ])('guards what a gateway of SDK %s forwards through its fallback handler', async (_, create) => {
    const forwarded: unknown[] = []
    const server = protectServer<ServerV1 | ServerV2>(create(), { ...DEMANDS, client })
    server.fallbackRequestHandler = async (request: { method: string; params?: unknown }) => {
      forwarded.push([request.method, (request.params as { name?: string })?.name])
      return request.method === 'tools/list'
        ? { tools: ['open', 'read'].map((name) => ({ name, inputSchema: { type: 'object' } })) }
        : { content: [] }
    }
    const [mine, theirs] = InMemoryTransport.createLinkedPair()
    await server.connect(theirs)
    const answers: Record<string, unknown>[] = []
    mine.onmessage = (message) => void answers.push(message as never)
    await mine.start()
    const ask = async (id: number, method: string, params: object) => {
      await mine.send({ jsonrpc: '2.0', id, method, params } as never)
      return expect.poll(() => answers.find((answer) => answer.id === id)).toBeDefined()
    }
    const opening = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } }
    await ask(0, 'initialize', opening)
    await ask(1, 'tools/call', { name: 'read', arguments: {} })
    await ask(2, 'tools/call', { name: 'open', arguments: {} })
    await ask(3, 'tools/call', { name: 'open', Name: 'read' })
    await ask(4, 'Tools/Call', { name: 'read' })
    await ask(5, 'tools/call', { name: '' })
    await ask(6, 'tools/list', {})
    const byId = Object.fromEntries(answers.map(({ id, ...answer }) => [String(id), answer]))
    expect(byId['1']).toMatchObject({ result: { isError: true } })
    expect(byId['2']).toHaveProperty('result.content')
    expect(byId['3']).toMatchObject({ error: { code: -32_602 } })
    expect(byId['4']).toMatchObject({ error: { code: -32_601 } })
    expect(byId['5']).toMatchObject({ error: { code: -32_602 } })
    expect(byId['6']).toMatchObject({ result: { tools: [{ name: 'open' }] } })
    expect(forwarded).toEqual([
      ['tools/call', 'open'],
      ['tools/list', undefined],
    ])
    await server.close()
  })

  it('refuses what is no server, and wrong options', () => {
    expect(() => protectServer({} as never)).toThrow(TypeError)
    const server = () => new McpServerV2({ name: 's', version: '1' })
    expect(() => protectServer(server(), { tool: {} } as never)).toThrow('unknown member "tool"')
    expect(() => protectServer(server(), { tools: { a: { minTrustLevel: 9 } } } as never)).toThrow(TypeError)
    expect(() => protectServer(server(), { identity: { did: 'x' } })).toThrow(TypeError)
    expect(() => protectServer(server(), { identity: { did: 'did:web:a.example', origin: 'a.example' } })).toThrow(
      TypeError,
    )
  })
})
