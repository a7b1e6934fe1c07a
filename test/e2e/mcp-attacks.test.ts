import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  InMemoryTransport,
} from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js'
import { InitializeResultSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type ConnectVerifiedOptions,
  connectVerified,
  createHttpDisclosure,
  createHttpGate,
  type ProtectServerOptions,
  protectServer,
} from '../../sdk-node/src/index.ts'
import { type HttpEndpoint, listen, listenV1, listenV2 } from '../fakes/mcp/http-endpoint.ts'
import { type Meddling, type Middleman, openMiddleman, type Passing } from '../fakes/mcp/http-middleman.ts'
import { buildServer } from '../fakes/mcp/matrix-server.ts'
import { type McpWorld, openMcpWorld, type ServerOfOurs } from '../tools/mcp-world.ts'

const PROGRAM = join(import.meta.dirname, '../fakes/mcp/matrix-server.ts')
const MIDDLEMAN = join(import.meta.dirname, '../fakes/mcp/stdio-middleman.ts')

type Kind = 'v1' | 'v2 legacy' | 'v2 modern'
const KINDS: Kind[] = ['v1', 'v2 legacy', 'v2 modern']

let world: McpWorld
let genuine: ServerOfOurs
let impostor: ServerOfOurs
/** The caller's badge: what nobody but the genuine server may see. */
let secret: string

beforeAll(async () => {
  world = await openMcpWorld()
  genuine = world.server('genuine')
  impostor = world.server('impostor')
  secret = world.badges[1]
})
afterAll(() => world[Symbol.asyncDispose]())

function openClient(kind: Kind): ClientV2 {
  const capabilities = { capabilities: { roots: {} } }
  if (kind === 'v1') return new ClientV1({ name: 'c', version: '1' }, capabilities) as unknown as ClientV2
  const auto = { versionNegotiation: { mode: 'auto' } } as const
  return new ClientV2({ name: 'c', version: '1' }, kind === 'v2 modern' ? { ...auto, ...capabilities } : capabilities)
}

/** A guarded server of one SDK behind an HTTP endpoint. `origin` is where it believes to be. */
function serve(kind: Kind, identity: Partial<ServerOfOurs> | undefined, origin?: () => string): Promise<HttpEndpoint> {
  const options = (own: string): ProtectServerOptions => ({
    client: world.core,
    ...(identity?.did !== undefined && {
      identity: {
        did: identity.did,
        badge: identity.badge,
        privateKey: identity.privateKey,
        origin: origin?.() ?? own,
      },
    }),
  })
  if (kind === 'v1') return listenV1((own) => buildServer('v1', options(own)))
  return listenV2((own) => buildServer('v2', options(own)))
}

interface Talk extends AsyncDisposable {
  readonly mcp: ClientV2
  readonly server: { readonly isVerified: boolean; readonly popVerified: boolean; readonly errorCode: unknown }
  call(): Promise<unknown>
}

/** Connects over HTTP as `CapiscioMcpClient` does: the endpoint's headers are watched, too. */
async function talk(kind: Kind, url: URL, options: Partial<ConnectVerifiedOptions> = {}): Promise<Talk> {
  const mcp = openClient(kind)
  const http = options.http ?? createHttpDisclosure()
  const transport = new (kind === 'v1' ? HttpV1 : HttpV2)(url, { fetch: http.fetch } as never)
  const connection = await connectVerified(mcp, transport as never, {
    ...{ client: world.core, url, http, credential: { badge: secret } },
    // The DIDs name the registry's host, and the servers are on loopback.
    skipOriginBinding: true,
    ...options,
  })
  return {
    mcp,
    get server() {
      return connection.server
    },
    call: () => mcp.callTool({ name: 'open', arguments: {} }),
    [Symbol.asyncDispose]: () => mcp.close(),
  }
}

const refusalOf = async (attempt: Promise<unknown>): Promise<{ name: string; code: string }> =>
  attempt.then(
    () => expect.unreachable('this must be refused'),
    (error) => error,
  )

/** Changes the `_meta` of every handshake result. */
const inHandshake =
  (edit: (meta: Record<string, unknown>) => void): NonNullable<Meddling['answer']> =>
  (message, { message: request }) => {
    if (!['initialize', 'server/discover'].includes(String(request.method))) return message
    const result = message.result as Passing | undefined
    if (result === undefined) return message
    const meta = { ...(result._meta as Record<string, unknown> | undefined) }
    edit(meta)
    return { ...message, result: { ...result, _meta: meta } }
  }

const without = (pattern: RegExp): NonNullable<Meddling['answer']> =>
  inHandshake((meta) => {
    for (const name of Object.keys(meta)) if (pattern.test(name)) delete meta[name]
  })

/** Somebody who forwards to a server. The server knows him: its proofs are for his origin. */
async function between(kind: Kind, identity: Partial<ServerOfOurs> | undefined, meddling: Partial<Meddling> = {}) {
  const server = await serve(kind, identity, () => proxy.origin)
  const proxy: Middleman = await openMiddleman({ target: () => server.url, ...meddling })
  return { proxy, server }
}

describe.each(KINDS)('a client of %s and a man in the middle', (kind) => {
  it('talks through one who changes nothing', async () => {
    const { proxy } = await between(kind, genuine)
    await using conversation = await talk(kind, proxy.url, { requirePop: true })
    expect(conversation.server).toMatchObject({ isVerified: true, popVerified: true })
    expect(await conversation.call()).toMatchObject({ content: [{ text: 'open' }] })
    expect(proxy.read()).toContain(secret)
  })

  it.each<[string, () => Partial<ServerOfOurs> | undefined, Partial<Meddling>, string]>([
    [
      'puts his own server with the genuine badge there',
      () => ({ ...genuine, privateKey: impostor.privateKey }),
      {},
      'SERVER_POP_FAILED',
    ],
    [
      'shows the genuine badge for his own DID',
      () => ({ ...impostor, badge: genuine.badge }),
      {},
      'SERVER_DID_MISMATCH',
    ],
    ['shows his own badge for the genuine DID', () => ({ ...impostor, did: genuine.did }), {}, 'SERVER_DID_MISMATCH'],
    ['takes the identity away', () => genuine, { answer: without(/capisc/) }, 'SERVER_IDENTITY_MISSING'],
    ['takes the badge away', () => genuine, { answer: without(/badge/) }, 'SERVER_BADGE_MISSING'],
    ['takes the proof away', () => genuine, { answer: without(/pop[-_]/) }, 'SERVER_POP_FAILED'],
    [
      'spoils the proof',
      () => genuine,
      {
        answer: inHandshake((meta) => {
          for (const name of Object.keys(meta)) if (/pop.*signature/.test(name)) meta[name] = 'x.y.z'
        }),
      },
      'SERVER_POP_FAILED',
    ],
    [
      'contradicts the DID',
      () => genuine,
      {
        answer: inHandshake((meta) => {
          meta.capiscio_server_did = impostor.did
        }),
      },
      'SERVER_DID_INVALID',
    ],
    [
      'contradicts the badge',
      () => genuine,
      {
        answer: inHandshake((meta) => {
          meta['io.capisc/server-badge'] = impostor.badge
        }),
      },
      'SERVER_DID_INVALID',
    ],
    [
      'contradicts the proof',
      () => genuine,
      {
        answer: inHandshake((meta) => {
          meta['io.capisc/pop-bound-signature'] = 'x.y.z'
        }),
      },
      'SERVER_POP_FAILED',
    ],
    [
      'contradicts the handshake in a header',
      () => genuine,
      { headers: (headers) => headers.set('Capiscio-Server-DID', 'did:web:evil.example') },
      'SERVER_DID_INVALID',
    ],
    [
      'adds a badge of 10 MB',
      () => genuine,
      {
        answer: inHandshake((meta) => {
          const badge = 'x'.repeat(10 * 1024 * 1024)
          Object.assign(meta, { capiscio_server_badge: badge, 'io.capisc/server-badge': badge })
        }),
      },
      'SERVER_BADGE_INVALID',
    ],
  ])('leaves one who %s, without having shown its badge', async (_, identity, meddling, code) => {
    const { proxy } = await between(kind, identity(), meddling)
    expect(await refusalOf(talk(kind, proxy.url, { requirePop: true }))).toMatchObject({
      name: 'ServerVerifyError',
      code,
    })
    expect(proxy.seen.length).toBeGreaterThan(0)
    expect(proxy.read()).not.toContain(secret)
  })

  it('leaves one who relays its nonce to the genuine server', async () => {
    const server = await serve(kind, genuine)
    const proxy = await openMiddleman({ target: () => server.url })
    expect(await refusalOf(talk(kind, proxy.url, { requirePop: true }))).toMatchObject({ code: 'SERVER_POP_FAILED' })
    expect(proxy.read()).not.toContain(secret)
  })

  it('keeps to the genuine server what others add in names of their own, however long', async () => {
    const { proxy } = await between(kind, genuine, {
      answer: inHandshake((meta) =>
        Object.assign(meta, {
          'com.example/server-did': impostor.did,
          server_did: impostor.did,
          'com.example/blob': 'x'.repeat(10 * 1024 * 1024),
        }),
      ),
    })
    await using conversation = await talk(kind, proxy.url, { requirePop: true, expectedDid: genuine.did })
    expect(conversation.server).toMatchObject({ isVerified: true, popVerified: true })
    await conversation.mcp.callTool({ name: 'open', arguments: {}, _meta: { 'com.example/trace': 'kept' } })
    expect(proxy.read()).toContain('com.example/trace')
  })

  it('follows no redirect away from the server that it verified', async () => {
    const elsewhere = await openMiddleman({ target: () => new URL('http://127.0.0.1:9') })
    const { proxy } = await between(kind, genuine, {
      instead: ({ message }) =>
        message.method === 'tools/call'
          ? new Response(null, { status: 307, headers: { Location: elsewhere.url.href } })
          : undefined,
    })
    await using conversation = await talk(kind, proxy.url)
    await refusalOf(conversation.call())
    expect(elsewhere.seen).toEqual([])
  })

  it('shows its badge nowhere else through the same fetch', async () => {
    const elsewhere = await openMiddleman({
      target: () => new URL('http://127.0.0.1:9'),
      instead: () => new Response('{}'),
    })
    const { proxy } = await between(kind, genuine, {
      instead: ({ path }) =>
        path === '/moved' ? new Response(null, { status: 307, headers: { Location: elsewhere.url.href } }) : undefined,
    })
    const http = createHttpDisclosure()
    await using conversation = await talk(kind, proxy.url, { http })
    await conversation.call()
    expect(proxy.seen.at(-1)?.headers.get('X-Capiscio-Badge')).toBe(secret)
    // As an SDK looks for the authorization server that a 401 names.
    await http.fetch(new URL('/.well-known/oauth-authorization-server', elsewhere.url))
    expect(elsewhere.seen).toHaveLength(1)
    await http.fetch(new URL('/moved', proxy.url))
    expect(elsewhere.seen).toHaveLength(1)
    expect(elsewhere.read()).not.toContain(secret)
  })

  it('takes no identity from the headers of another place', async () => {
    const gate = createHttpGate({ identity: { did: genuine.did, badge: genuine.badge } })
    const elsewhere = await listen(() => async (request, response) => {
      if (await gate.node(request, response)) response.end('{}')
    })
    const { proxy } = await between(kind, undefined)
    const http = createHttpDisclosure()
    const fetched: typeof fetch = async (input, init) => {
      await http.fetch(elsewhere.url)
      return http.fetch(input, init)
    }
    const attempt = talk(kind, proxy.url, { http: { ...http, fetch: fetched } })
    expect(await refusalOf(attempt)).toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
  })

  it('shows its badge no more when its connection has ended', async () => {
    const { proxy } = await between(kind, genuine)
    const http = createHttpDisclosure()
    const conversation = await talk(kind, proxy.url, { http })
    await conversation.call()
    expect(proxy.read()).toContain(secret)
    await conversation.mcp.close()
    const asked = proxy.seen.length
    // The same client on its own, through the same fetch.
    const transport = new (kind === 'v1' ? HttpV1 : HttpV2)(proxy.url, { fetch: http.fetch } as never)
    await conversation.mcp.connect(transport as never)
    await conversation.call()
    expect(proxy.seen.length).toBeGreaterThan(asked)
    expect(JSON.stringify(proxy.seen.slice(asked).map(({ headers, text }) => [[...headers], text]))).not.toContain(
      secret,
    )
    await conversation.mcp.close()
  })

  it('takes the watcher of one connection for no other', async () => {
    const { proxy } = await between(kind, genuine)
    const plain = await between(kind, undefined)
    const http = createHttpDisclosure()
    await using _first = await talk(kind, proxy.url, { http })
    await expect(talk(kind, plain.proxy.url, { http })).rejects.toThrow(TypeError)
    expect(plain.proxy.seen).toEqual([])
  })
})

/** Waits until a verification that holds for one millisecond is too old. */
async function outlive(): Promise<void> {
  const since = performance.now()
  await expect.poll(() => performance.now() - since, { interval: 1 }).toBeGreaterThan(2)
}

/** Verified; then another server takes the place, and the next call looks again. */
async function changed(
  kind: Kind,
  next: Partial<ServerOfOurs> | undefined,
  options: Partial<ConnectVerifiedOptions> = {},
  meddling: Partial<Meddling> = {},
) {
  let target: HttpEndpoint | undefined
  const { proxy, server } = await between(kind, genuine, { ...meddling, target: () => (target ?? server).url })
  const other = await serve(kind, next, () => proxy.origin)
  const conversation = await talk(kind, proxy.url, { recheckMs: 1, requirePop: true, ...options })
  expect(conversation.server).toMatchObject({ isVerified: true, popVerified: true })
  target = other
  await outlive()
  const before = proxy.seen.length
  const shown = (): string => JSON.stringify(proxy.seen.slice(before).map(({ headers, text }) => [[...headers], text]))
  return { conversation, shown }
}

describe('a client of the modern era whose server changes after it was verified', () => {
  it.each<[string, () => Partial<ServerOfOurs> | undefined, string]>([
    ['says nothing', () => undefined, 'SERVER_IDENTITY_MISSING'],
    ['is a verified one too', () => impostor, 'SERVER_DID_MISMATCH'],
    ['has another key', () => ({ ...genuine, privateKey: impostor.privateKey }), 'SERVER_POP_FAILED'],
  ])('leaves one that %s before it shows its badge again', async (_, next, code) => {
    const { conversation, shown } = await changed('v2 modern', next())
    expect(await refusalOf(conversation.call())).toMatchObject({ code })
    expect(shown()).toContain('server/discover')
    expect(shown()).not.toContain(secret)
  })

  it('does not take the old word of one that says nothing any more', async () => {
    const { conversation } = await changed('v2 modern', undefined, { requirePop: false })
    expect(await refusalOf(conversation.call())).toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
  })

  it('does not take headers of before for an answer', async () => {
    let disclosed: string[][] = [
      ['Capiscio-Server-DID', genuine.did],
      ['Capiscio-Server-Badge', genuine.badge],
    ]
    const headers: Meddling['headers'] = (sent) => {
      for (const [name = '', value = ''] of disclosed) sent.set(name, value)
    }
    const { conversation } = await changed('v2 modern', undefined, { requirePop: false }, { headers })
    disclosed = []
    expect(await refusalOf(conversation.call())).toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
  })

  it('takes an answer under another form of its id for none', async () => {
    let isLater = false
    const answer: Meddling['answer'] = (message) => (isLater ? { ...message, id: String(message.id) } : message)
    const { conversation } = await changed('v2 modern', genuine, { requirePop: false }, { answer })
    isLater = true
    expect(await refusalOf(conversation.call())).toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
  })

  it('demands its proof of one that now discloses in headers alone', async () => {
    let isLater = false
    const headers: Meddling['headers'] = (sent) => {
      sent.set('Capiscio-Server-DID', genuine.did)
      sent.set('Capiscio-Server-Badge', genuine.badge)
    }
    const answer: Meddling['answer'] = (message) => (isLater ? { ...message, id: String(message.id) } : message)
    const { conversation } = await changed('v2 modern', genuine, {}, { answer, headers })
    isLater = true
    expect(await refusalOf(conversation.call())).toMatchObject({ code: 'SERVER_POP_FAILED' })
  })

  it('asks anew a server whose discovery may be cached', async () => {
    const cacheHints = { 'server/discover': { ttlMs: 600_000, cacheScope: 'public' } } as const
    const identity = { did: genuine.did, badge: genuine.badge }
    await using server = await listenV2(() => {
      const guarded = new McpServerV2({ name: 's', version: '1' }, { cacheHints })
      protectServer(guarded, { client: world.core, identity })
      guarded.registerTool('open', {}, () => ({ content: [] }))
      return guarded
    })
    const proxy = await openMiddleman({ target: () => server.url })
    await using conversation = await talk('v2 modern', proxy.url, { recheckMs: 1 })
    await outlive()
    const asked = proxy.seen.length
    await conversation.call()
    expect(proxy.seen.slice(asked).map(({ message }) => message.method)).toEqual(['server/discover', 'tools/call'])
    expect(conversation.server.isVerified).toBe(true)
  })

  it('does not count an old proof for a new look', async () => {
    const stolen = { ...genuine, privateKey: impostor.privateKey }
    const { conversation } = await changed('v2 modern', stolen, { requirePop: false })
    await conversation.call()
    expect(conversation.server).toMatchObject({ isVerified: true, popVerified: false })
  })

  it('shows no badge any more to one that it stays with unverified', async () => {
    const { conversation, shown } = await changed('v2 modern', undefined, { failOnUnverified: false })
    await conversation.call()
    await conversation.call()
    expect(conversation.server.isVerified).toBe(false)
    expect(shown()).not.toContain(secret)
  })
})

describe.each(KINDS)('a client of %s whose server discloses another identity in its headers', (kind) => {
  it('leaves it with the next request, and shows it nothing more', async () => {
    let disclosed = genuine
    const { proxy } = await between(kind, genuine, {
      headers: (sent) => {
        sent.set('Capiscio-Server-DID', disclosed.did)
        sent.set('Capiscio-Server-Badge', disclosed.badge)
      },
    })
    await using conversation = await talk(kind, proxy.url)
    disclosed = impostor
    // The answer to this call is the first that says so.
    await conversation.call()
    const asked = proxy.seen.length
    const code = kind === 'v2 modern' ? 'SERVER_DID_INVALID' : 'SERVER_DID_MISMATCH'
    expect(await refusalOf(conversation.call())).toMatchObject({ code })
    expect(JSON.stringify(proxy.seen.slice(asked).map(({ headers, text }) => [[...headers], text]))).not.toContain(
      secret,
    )
  })
})

describe.each(['v1', 'v2 legacy'] as const)('a client of %s whose server changes after it was verified', (kind) => {
  it('looks again when the session was begun anew', async () => {
    let target: HttpEndpoint | undefined
    const { proxy, server } = await between(kind, genuine, { target: () => (target ?? server).url })
    await using conversation = await talk(kind, proxy.url)
    target = await serve(kind, undefined)
    const before = proxy.seen.length
    const request = conversation.mcp.request.bind(conversation.mcp) as (...args: unknown[]) => Promise<unknown>
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } }
    await request({ method: 'initialize', params }, ...(kind === 'v1' ? [InitializeResultSchema] : []))
    expect(await refusalOf(conversation.call())).toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
    expect(JSON.stringify(proxy.seen.slice(before).map(({ text }) => text))).not.toContain(secret)
  })
})

describe('a client that is not told where its server is', () => {
  const elsewhere = new URL('http://127.0.0.1:9/mcp')
  it.each([
    ['Streamable HTTP of v1', new HttpV1(elsewhere)],
    ['Streamable HTTP of v2', new HttpV2(elsewhere)],
    ['SSE', new SSEClientTransport(elsewhere)],
    ['WebSocket', new WebSocketClientTransport(new URL('ws://127.0.0.1:9/mcp'))],
  ])('takes %s for no child process', async (_, transport) => {
    await expect(connectVerified(openClient('v1'), transport as never, { client: world.core })).rejects.toThrow(
      'needs the option url',
    )
  })

  it('shows no badge in headers', async () => {
    const [mine] = InMemoryTransport.createLinkedPair()
    const http = createHttpDisclosure()
    await expect(connectVerified(openClient('v2 legacy'), mine, { client: world.core, http })).rejects.toThrow(
      'http needs the option url',
    )
  })
})

describe('a client that knows both eras', () => {
  const downgrade: Partial<Meddling> = {
    instead: ({ message }) =>
      message.method === 'server/discover'
        ? Response.json(
            { jsonrpc: '2.0', id: message.id, error: { code: -32_601, message: 'Method not found' } },
            { status: 404 },
          )
        : undefined,
  }

  it('follows a man in the middle into the legacy era, where the proof is still bound', async () => {
    const { proxy } = await between('v2 modern', genuine, downgrade)
    await using conversation = await talk('v2 modern', proxy.url, { requirePop: true })
    expect(conversation.mcp.getProtocolEra()).toBe('legacy')
    expect(conversation.server).toMatchObject({ isVerified: true, popVerified: true })
  })

  it('does not when the modern era is demanded', async () => {
    const { proxy } = await between('v2 modern', genuine, downgrade)
    const refusal = await refusalOf(talk('v2 modern', proxy.url, { requirePop: true, requireModernEra: true }))
    expect(refusal).toMatchObject({ name: 'ServerVerifyError' })
    expect(proxy.read()).not.toContain(secret)
  })
})

describe.each(['v1', 'v2 modern'] as const)('a client of %s and a process between it and its stdio server', (kind) => {
  async function talkThrough(meddling: string, options: ConnectVerifiedOptions = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'capiscio-middleman-'))
    const log = join(folder, 'read')
    const server = [
      process.execPath,
      PROGRAM,
      kind === 'v1' ? 'v1' : 'v2',
      'ours',
      genuine.did,
      genuine.badge,
      genuine.pem,
    ]
    const mcp = openClient(kind)
    mcp.setRequestHandler(...(rootsHandler(kind) as [never, never]))
    const transport = new (kind === 'v1' ? StdioV1 : StdioV2)({
      command: process.execPath,
      args: [MIDDLEMAN, meddling, log, ...server],
      stderr: 'inherit',
    })
    try {
      const credential = { badge: secret }
      const { server } = await connectVerified(mcp, transport as never, {
        client: world.core,
        credential,
        requirePop: true,
        ...options,
      })
      return { outcome: server.state, read: await readFile(log, 'utf8') }
    } catch (error) {
      return { outcome: (error as { code: unknown }).code, read: await readFile(log, 'utf8') }
    } finally {
      await mcp.close()
      await rm(folder, { recursive: true, force: true })
    }
  }

  it.each([
    ['relay', 'VERIFIED_PRINCIPAL'],
    ['long', 'VERIFIED_PRINCIPAL'],
    // Longer than what the SDKs take from a child.
    ['flood', kind === 'v1' ? -32_000 : 'CONNECTION_CLOSED'],
    ['strip', 'SERVER_IDENTITY_MISSING'],
    ['unprove', 'SERVER_POP_FAILED'],
  ])('comes to its end with one who does this: %s', async (meddling, outcome) => {
    const seen = await talkThrough(meddling)
    expect(seen.outcome).toBe(outcome)
    expect(seen.read).not.toContain(secret)
    // Nor does it answer what an unverified server asks.
    expect(seen.read).not.toContain('file:///home')
  })

  it('stays out of the legacy era where told so', async () => {
    const { outcome, read } = await talkThrough('downgrade', { requireModernEra: true })
    expect(outcome).toBe('SERVER_POP_FAILED')
    expect(read).not.toContain(secret)
  })
})

/** What a client of either SDK tells a server that asks where it works. */
function rootsHandler(kind: Kind): readonly unknown[] {
  const first = kind === 'v1' ? ListRootsRequestSchema : 'roots/list'
  return [first, () => ({ roots: [{ uri: 'file:///home' }] })]
}
