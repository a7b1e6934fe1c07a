import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  CapiscioMcpClient,
  CapiscioMcpServer,
  type CoreClient,
  createCoreClient,
  createHttpGate,
} from '../../sdk-node/src/index.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { type DevServer, readDevServer } from '../tools/dev-server.ts'

let core: CoreProcess
let client: CoreClient
let badge: string
let own: DevServer

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-holders-')))
  client = createCoreClient({ address: core.address })
  badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
  own = await readDevServer(core.folder)
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

const child = (...identity: string[]) => ({
  command: process.execPath,
  args: [join(import.meta.dirname, '../fakes/mcp/capiscio-server.ts'), ...identity],
  env: { CAPISCIO_CORE_ADDR: core.address, PATH: process.env.PATH ?? '' },
  client,
})

describe('a client and a server process that hold the MCP SDK', () => {
  it('verify, list and call over standard input and output', async () => {
    await using mcp = await CapiscioMcpClient.connect({
      ...child(own.did, own.badge, own.pem),
      minTrustLevel: 1,
      requirePop: true,
      badge,
    })
    expect(mcp).toMatchObject({
      serverState: 'VERIFIED_PRINCIPAL',
      serverDid: own.did,
      serverTrustLevel: 1,
      isVerified: true,
      popVerified: true,
    })
    expect((await mcp.listTools()).map(({ name }) => name)).toEqual(['ping', 'read_file'])
    const result = await mcp.callTool('read_file', { path: 'a.txt' })
    expect(result).toMatchObject({ content: [{ type: 'text', text: 'text of a.txt' }] })
    expect(mcp.receiptOf(result)).toMatchObject({ evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  })

  it('deny and hide what a caller may not run', async () => {
    await using mcp = await CapiscioMcpClient.connect(child(own.did, own.badge, own.pem))
    expect((await mcp.listTools()).map(({ name }) => name)).toEqual(['ping'])
    expect(await mcp.callTool('read_file', { path: 'a.txt' })).toMatchObject({
      isError: true,
      _meta: { 'io.capisc/denial': { code: 'TOOL_AUTH_MISSING' } },
    })
  })

  it('leave a server that says nothing about itself', async () => {
    await expect(CapiscioMcpClient.connect(child())).rejects.toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
  })

  it('meet over HTTP, where the headers disclose the server too', async () => {
    const http = createServer()
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    const identity = { did: own.did, badge: own.badge, privateKey: own.privateKey, origin }
    const server = new CapiscioMcpServer({ name: 'files', identity, client, defaults: { minTrustLevel: 2 } })
    server.tool('read_file', { inputSchema: z.object({ path: z.string() }) }, ({ path }) => ({
      content: [{ type: 'text', text: `text of ${path}` }],
    }))
    const gate = createHttpGate({ identity })
    http.on('request', toNodeHandler({ fetch: gate.fetch(await server.httpHandler()) } as never) as never)
    try {
      // The DID names no such place: whoever reaches it through a gateway says so.
      const options = { url: `${origin}/mcp`, client, badge, skipOriginBinding: true, requirePop: true }
      await using mcp = await CapiscioMcpClient.connect(options)
      expect(mcp).toMatchObject({ isVerified: true, popVerified: true })
      expect(await mcp.callTool('read_file', { path: 'b' })).toMatchObject({ content: [{ text: 'text of b' }] })
      await expect(CapiscioMcpClient.connect({ ...options, skipOriginBinding: false })).rejects.toMatchObject({
        code: 'SERVER_DOMAIN_MISMATCH',
      })
      const discovery = await fetch(`${origin}/.well-known/capiscio/mcp-server.json`)
      expect(await discovery.json()).toMatchObject({ server_did: own.did, server_badge: own.badge })
      expect(discovery.headers.get('capiscio-server-did')).toBe(own.did)
    } finally {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    }
  })
})

describe('createHttpGate', () => {
  const served = (request: Request) =>
    createHttpGate({
      identity: { did: 'did:web:a.example', badge: () => 'current' },
      requireBadge: true,
      client,
    }).fetch(async () => new Response('served', { headers: { 'Access-Control-Expose-Headers': 'X-Own' } }))(request)

  it('answers 401 to requests without a badge, and lets preflights and good badges through', async () => {
    const refused = await served(new Request('http://a.example/mcp', { method: 'POST' }))
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ error: 'BADGE_MISSING' })
    expect(refused.headers.get('www-authenticate')).toContain('Bearer')
    expect((await served(new Request('http://a.example/mcp', { method: 'OPTIONS' }))).status).toBe(200)
    const passed = await served(new Request('http://a.example/mcp', { headers: { 'X-Capiscio-Badge': badge } }))
    expect(await passed.text()).toBe('served')
    expect(passed.headers.get('capiscio-server-badge')).toBe('current')
    expect(passed.headers.get('access-control-expose-headers')).toMatch(/X-Own.*Capiscio-Server-DID/)
  })

  it('is wrongly used with other options', () => {
    expect(() => createHttpGate({ requireBadge: 'yes' } as never)).toThrow(TypeError)
    expect(() => createHttpGate({ did: 'did:web:a.example' } as never)).toThrow(TypeError)
  })
})

describe('CapiscioMcpClient.connect', () => {
  it('wants one server', async () => {
    await expect(CapiscioMcpClient.connect({})).rejects.toThrow(TypeError)
    await expect(CapiscioMcpClient.connect({ command: 'x', url: 'http://127.0.0.1/' })).rejects.toThrow(TypeError)
  })

  it('wants one credential', async () => {
    await expect(CapiscioMcpClient.connect({ command: 'x', badge, apiKey: 'k' })).rejects.toThrow(
      new TypeError('A caller has one credential: give badge or apiKey, not both.'),
    )
  })
})

describe('CapiscioMcpServer', () => {
  it('wants a name, and each tool once', () => {
    expect(() => new CapiscioMcpServer({ name: '' })).toThrow(TypeError)
    const server = new CapiscioMcpServer({ name: 's' }).tool('a', {}, () => undefined)
    expect(() => server.tool('a', {}, () => undefined)).toThrow(TypeError)
  })

  it('refuses a demand with a typo in its name, which would demand nothing', () => {
    const server = new CapiscioMcpServer({ name: 's' })
    const add = (options: object) => () => server.tool(JSON.stringify(options), options as never, () => undefined)
    expect(add({ minTrustlevel: 4 })).toThrow(/minTrustlevel.*minTrustLevel/)
    expect(add({ min_trust_level: 4, description: 'd' })).toThrow(TypeError)
    const known = {
      title: 't',
      description: 'd',
      inputSchema: {},
      outputSchema: {},
      annotations: {},
      icons: [],
      _meta: {},
    }
    expect(add({ ...known, scopeChallenge: () => undefined, minTrustLevel: 4 })).not.toThrow()
  })
})
