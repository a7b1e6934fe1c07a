import { mkdtemp, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvidenceService, RecordKind } from '@capiscio/proto/core/v1'
import { getRequestListener } from '@hono/node-server'
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client'
import { requireBearerAuth as requireBearerAuthExpress } from '@modelcontextprotocol/express'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth as requireBearerAuthV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import {
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  requireBearerAuth,
  requireScopes,
} from '@modelcontextprotocol/server'
import express from 'express'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  CapiscioMcpClient,
  type CoreClient,
  createBadgeVerifier,
  createCoreClient,
  createHttpGate,
  type HttpGate,
  protectServer,
  requireTrust,
} from '../../sdk-node/src/index.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { MCP_PLACES, onNode, serveHttp } from '../tools/mcp-places.ts'
import type { SetUpServer } from '../tools/mcp-worlds.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'

const IDENTITY = { did: 'did:web:mcp.example.com', badge: 'server.badge', origin: 'https://mcp.example.com' }

let core: CoreProcess
let client: CoreClient
let raw: RawClient
let badge: string
let expired: string

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-mcp-gate-')))
  client = createCoreClient({ address: core.address })
  raw = createRawClient(core.address)
  badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
  expired = await devCredential(core.folder, 'badges', 'expired.jwt')
})

afterAll(async () => {
  raw[Symbol.dispose]()
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

/** A protected server whose tool says whom it was told about. */
const setUp: SetUpServer = (server) => {
  protectServer(server, { client, defaults: { minTrustLevel: 1 } })
  server.registerTool('whoami', {}, async (context) => {
    // SDK v1 has it in the context itself.
    const authInfo: object = Reflect.get(context, 'authInfo') ?? context.http?.authInfo ?? {}
    return { content: [{ type: 'text', text: String(Reflect.get(authInfo, 'clientId')) }] }
  })
}

const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** One message as a client of the modern era posts it. */
function post(url: URL, method: string, params: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': method,
      ...('name' in params && { 'Mcp-Name': String(params.name) }),
      ...('uri' in params && { 'Mcp-Name': String(params.uri) }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: MODERN } }),
  })
}

async function decisionsAbout(target: string): Promise<Record<string, unknown>[]> {
  const { entries } = await raw.call(EvidenceService.method.query, { toolName: target, kind: RecordKind.DECISION })
  return entries.map(({ leaf }) => JSON.parse(new TextDecoder().decode(leaf)))
}

const CLIENTS = ['v1', 'v2 in the legacy era', 'v2 in the modern era'] as const

async function connect(kind: (typeof CLIENTS)[number], url: URL, headers: Record<string, string>) {
  const requestInit = { headers }
  if (kind === 'v1') {
    const mcp = new ClientV1({ name: 'c', version: '1' })
    await mcp.connect(new HttpV1(url, { requestInit }) as unknown as Parameters<typeof mcp.connect>[0])
    return mcp
  }
  const pin = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const
  const mcp = new ClientV2({ name: 'c', version: '1' }, kind === 'v2 in the modern era' ? pin : {})
  await mcp.connect(new HttpV2(url, { requestInit }))
  return mcp
}

describe.each(MCP_PLACES)('a gate under %s', (name, place) => {
  const speaks = CLIENTS.filter((kind) => !name.includes('v1') || kind !== 'v2 in the modern era')

  it.each(speaks)('lets a client of %s with a good badge through, and tools know whose it is', async (kind) => {
    const gate = createHttpGate({ client, identity: IDENTITY, requireBadge: true })
    await using served = await serveHttp(place(gate, setUp))
    const mcp = await connect(kind, served.url, { 'X-Capiscio-Badge': badge })
    const { content } = (await mcp.callTool({ name: 'whoami', arguments: {} })) as { content: unknown }
    expect(content).toEqual([{ type: 'text', text: expect.stringMatching(/^did:web:/) }])
    await mcp.close()
    await expect(connect(kind, served.url, {})).rejects.toThrow()
    await expect(connect(kind, served.url, { 'X-Capiscio-Badge': expired })).rejects.toThrow()
  })

  it('refuses missing, bad and contradicting badges for every message and method, with evidence', async () => {
    const gate = createHttpGate({ client, identity: IDENTITY, requireBadge: true })
    await using served = await serveHttp(place(gate, setUp))
    const { url } = served
    const before = (await decisionsAbout('/mcp')).length
    const refusals = [
      [await post(url, 'tools/list'), 'BADGE_MISSING'],
      [await post(url, 'tools/call', { name: 'whoami' }, { 'X-Capiscio-Badge': expired }), 'BADGE_EXPIRED'],
      [await post(url, 'subscriptions/listen', { notifications: { toolsListChanged: true } }), 'BADGE_MISSING'],
      [await post(url, 'server/discover', {}, { 'X-Capiscio-Badge': `${badge}, ${expired}` }), 'BADGE_MALFORMED'],
      [await fetch(url, { headers: { Accept: 'text/event-stream' } }), 'BADGE_MISSING'],
      [await fetch(url, { method: 'DELETE' }), 'BADGE_MISSING'],
    ] as const
    for (const [response, reason] of refusals) {
      expect([response.status, await response.json()]).toMatchObject([401, { error: reason }])
      const error = reason === 'BADGE_MISSING' ? '' : `, error="invalid_token", error_description="${reason}"`
      expect(response.headers.get('WWW-Authenticate')).toBe(`Bearer realm="mcp"${error}`)
      expect(response.headers.get('Capiscio-Server-DID')).toBe(IDENTITY.did)
    }
    const records = (await decisionsAbout('/mcp')).slice(0, -before || undefined)
    expect(records.map((record) => record['capiscio.deny_reason'])).toEqual(
      ['MISSING', 'MISSING', 'INVALID', 'MISSING', 'INVALID', 'MISSING'].map((what) =>
        what === 'MISSING' ? 'TOOL_AUTH_MISSING' : 'TOOL_BADGE_INVALID',
      ),
    )
    expect(records[0]).toMatchObject({ 'io.capisc.server_origin': 'https://mcp.example.com' })
  })

  it('discloses the server in answers of every kind', async () => {
    const gate = createHttpGate({ client, identity: IDENTITY })
    await using served = await serveHttp(place(gate, setUp))
    const { url } = served
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
    const send = (message: object) => fetch(url, { method: 'POST', headers, body: JSON.stringify(message) })
    const initialize = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    }
    const answers = [
      await send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize }),
      await send({ jsonrpc: '2.0', method: 'notifications/initialized' }),
      await fetch(url, { method: 'PUT' }),
      await send({ nonsense: true }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 202, 405, 400])
    const [stream] = answers
    expect(stream?.headers.get('Content-Type')).toBe('text/event-stream')
    for (const answer of answers) {
      await answer.body?.cancel()
      expect(answer.headers.get('Capiscio-Server-DID')).toBe(IDENTITY.did)
      expect(answer.headers.get('Capiscio-Server-Badge')).toBe('server.badge')
      expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('Capiscio-Server-DID')
    }
  })
})

describe('a client that verifies its server', () => {
  it('passes a gate only when it shows its badge before it knows the server', async () => {
    const gate = createHttpGate({ client, identity: IDENTITY, requireBadge: true })
    const [, place] = MCP_PLACES[0] ?? []
    if (place === undefined) throw new Error('there is no place')
    await using served = await serveHttp(place(gate, setUp))
    const options = { url: served.url.href, client, badge, failOnUnverified: false }
    await expect(CapiscioMcpClient.connect(options)).rejects.toThrow()
    await using mcp = await CapiscioMcpClient.connect({ ...options, sendCredentialToUnverified: true })
    expect(await mcp.callTool('whoami', {})).toMatchObject({ content: [{ text: expect.stringMatching(/^did:web:/) }] })
  })
})

describe('a gate at the root of an application', () => {
  it.each(MCP_PLACES.filter(([name]) => !name.includes('path')))(
    'serves the discovery document under %s',
    async (_name, place) => {
      await using served = await serveHttp(place(createHttpGate({ client, identity: IDENTITY }), setUp))
      const response = await fetch(new URL('/.well-known/capiscio/mcp-server.json', served.url))
      expect(await response.json()).toMatchObject({ server_did: IDENTITY.did, server_badge: 'server.badge' })
    },
  )
})

describe('a gate behind another that exposes headers', () => {
  const OWN = 'Mcp-Session-Id'
  const applications: [string, (gate: HttpGate) => RequestListener][] = [
    [
      'Hono',
      (gate) => {
        const app = new Hono()
        app.use('*', cors({ origin: '*', exposeHeaders: [OWN] }), gate.hono)
        app.get('/mcp', (context) => context.text('served'))
        return getRequestListener(app.fetch)
      },
    ],
    [
      'Express',
      (gate) => {
        const app = express()
        app.use((_request, response, next) => {
          response.setHeader('Access-Control-Expose-Headers', OWN)
          next()
        })
        app.use(gate.express)
        app.get('/mcp', (_request, response) => void response.send('served'))
        return app
      },
    ],
  ]
  it.each(applications)('leaves them exposed under %s, in its own answers too', async (_name, listen) => {
    await using served = await serveHttp(listen(createHttpGate({ client, identity: IDENTITY, requireBadge: true })))
    const good = await fetch(served.url, { headers: { 'X-Capiscio-Badge': badge } })
    const none = await fetch(served.url)
    expect([await good.text(), none.status]).toEqual(['served', 401])
    for (const { headers } of [good, none]) {
      expect(headers.get('Access-Control-Expose-Headers')).toBe(`${OWN}, Capiscio-Server-DID, Capiscio-Server-Badge`)
    }
  })
})

describe('requireTrust', () => {
  const build = (): McpServer => {
    const server = protectServer(new McpServer({ name: 's', version: '1' }), { client })
    const ran = async () => ({ content: [{ type: 'text' as const, text: 'ran' }] })
    server.registerTool('challenged_tool', { scopeChallenge: requireTrust(3, { client }) }, ran)
    server.registerTool('fitting_tool', { scopeChallenge: requireTrust(2, { client }) }, ran)
    server.registerTool('scoped_tool', { scopeChallenge: requireScopes('trust:3') }, ran)
    server.registerResource('r', 'file:///r', { scopeChallenge: requireTrust(3, { client }) }, async () => ({
      contents: [],
    }))
    return server
  }
  const served = (requireBadge: boolean) =>
    serveHttp(onNode({ fetch: createHttpGate({ client, requireBadge }).fetch(createMcpHandler(build).fetch) }))
  const ask = (url: URL, method: string, params: object) => post(url, method, params, { 'X-Capiscio-Badge': badge })

  it('answers 403 with the scope of the level, and the core records the denial of the tool', async () => {
    await using place = await served(true)
    const response = await ask(place.url, 'tools/call', { name: 'challenged_tool', arguments: { a: 1 } })
    expect(response.status).toBe(403)
    const challenge = response.headers.get('WWW-Authenticate')
    expect(challenge).toContain('error="insufficient_scope"')
    expect(challenge).toContain('scope="trust:3"')
    expect(challenge).toContain('error_description="This needs trust level 3."')
    expect(await decisionsAbout('challenged_tool')).toMatchObject([
      { 'capiscio.decision': 'DENY', 'capiscio.deny_reason': 'TOOL_TRUST_INSUFFICIENT' },
    ])
  })

  it('runs what the level suffices for, and leaves one decision', async () => {
    await using place = await served(true)
    const response = await ask(place.url, 'tools/call', { name: 'fitting_tool', arguments: {} })
    expect(await response.text()).toContain('"ran"')
    expect(await decisionsAbout('fitting_tool')).toMatchObject([{ 'capiscio.decision': 'ALLOW' }])
  })

  it('records what was refused besides tools under its method', async () => {
    await using place = await served(true)
    expect((await ask(place.url, 'resources/read', { uri: 'file:///r' })).status).toBe(403)
    expect(await decisionsAbout('/resources/read')).toMatchObject([
      { 'capiscio.deny_reason': 'TOOL_TRUST_INSUFFICIENT' },
    ])
  })

  it('is understood by the SDK’s own scopes', async () => {
    await using place = await served(true)
    expect((await ask(place.url, 'tools/call', { name: 'scoped_tool', arguments: {} })).status).toBe(403)
  })

  it('leaves requests without a verified caller to the guard', async () => {
    await using place = await served(false)
    expect((await ask(place.url, 'tools/call', { name: 'challenged_tool', arguments: {} })).status).toBe(200)
  })

  it('wants a level', () => {
    expect(() => requireTrust(5 as never)).toThrow(TypeError)
    expect(() => requireTrust(1, { core: client } as never)).toThrow(TypeError)
  })
})

describe('createBadgeVerifier', () => {
  const options = { client, endpoint: '/bearer', serverOrigin: 'https://mcp.example.com' }
  const invalidV2 = (message: string) => new OAuthError(OAuthErrorCode.InvalidToken, message)
  const authorized = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

  it('lets the bearer gate of SDK v2 verify badges', async () => {
    const verifier = createBadgeVerifier({ ...options, client, invalidToken: invalidV2 })
    const authenticate = requireBearerAuth({ verifier, requiredScopes: ['trust:1'] })
    const at = 'http://127.0.0.1/mcp'
    expect(await authenticate(new Request(at, authorized(badge)))).toMatchObject({
      clientId: expect.stringMatching(/^did:web:/),
      scopes: ['trust:0', 'trust:1', 'trust:2'],
      extra: { trustLevel: 2 },
    })
    const refused = (await authenticate(new Request(at, authorized(expired)))) as Response
    expect(refused.status).toBe(401)
    expect(refused.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    expect(await refused.json()).toMatchObject({ error_description: 'The badge was refused: BADGE_EXPIRED' })
    expect(await decisionsAbout('/bearer')).toMatchObject([
      { 'capiscio.deny_reason': 'TOOL_BADGE_INVALID', 'io.capisc.server_origin': 'https://mcp.example.com' },
    ])
    const high = requireBearerAuth({ verifier, requiredScopes: ['trust:3'] })
    expect(((await high(new Request(at, authorized(badge)))) as Response).status).toBe(403)
  })

  it.each([
    ['v2', requireBearerAuthExpress, invalidV2],
    ['v1', requireBearerAuthV1, (message: string) => new InvalidTokenError(message)],
  ] as const)('works in Express with SDK %s', async (_name, requireAuth, invalidToken) => {
    const app = express()
    const verifier = createBadgeVerifier({ client, invalidToken })
    app.use(requireAuth({ verifier }) as express.RequestHandler)
    app.get('/mcp', (request, response) => void response.json(Reflect.get(request, 'auth')))
    await using served = await serveHttp(app)
    expect(await (await fetch(served.url, authorized(badge))).json()).toMatchObject({ extra: { trustLevel: 2 } })
    expect((await fetch(served.url, authorized(expired))).status).toBe(401)
    expect((await fetch(served.url)).status).toBe(401)
  })

  it('blames no badge when the core cannot answer', async () => {
    const gone = createCoreClient({ address: '127.0.0.1:1' })
    const verifier = createBadgeVerifier({ client: gone, invalidToken: invalidV2 })
    const answer = await requireBearerAuth({ verifier })(new Request('http://127.0.0.1/mcp', authorized(badge)))
    expect((answer as Response).status).toBe(500)
    await gone[Symbol.asyncDispose]()
  })

  it('is wrongly used with other options', () => {
    for (const wrong of [
      {},
      { invalidToken: 'x' },
      { invalidToken: invalidV2, endpoint: 'mcp' },
      { invalidToken: invalidV2, timeoutMs: -1 },
      { invalidToken: invalidV2, token: 'x' },
    ]) {
      expect(() => createBadgeVerifier(wrong as never)).toThrow(TypeError)
    }
  })
})
