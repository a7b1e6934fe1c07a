import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as ClientV2, InMemoryTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createNodeEd25519Signer } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { issueBadge } from '../../core/src/domain/badge/issue-badge.ts'
import {
  type ConnectVerifiedOptions,
  type CoreClient,
  connectVerified,
  createCoreClient,
  type ProtectServerOptions,
  protectServer,
} from '../../sdk-node/src/index.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { readDevServer } from '../tools/dev-server.ts'

const DID = 'did:web:registry.capiscio.invalid:servers:example-server'

let core: CoreProcess
let client: CoreClient
let callerBadge: string
let serverKey: KeyObject
let serverBadge: string

/** A badge of the development issuer for a server of our own. */
async function badgeFor(did: string, key: KeyObject, changes: { level?: 1 | 2 | 3; agoSeconds?: number } = {}) {
  const seed = await readFile(join(core.folder, 'issuer.key'), 'utf8')
  const issuer = createNodeEd25519Signer(Buffer.from(seed.trim(), 'base64url'))
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const issuedAt = Math.floor(Date.now() / 1000) - (changes.agoSeconds ?? 0)
  return issueBadge(
    {
      jti: crypto.randomUUID(),
      issuer: 'https://registry.capiscio.invalid',
      subject: did,
      level: changes.level ?? 2,
      issuedAt,
      expiresAt: issuedAt + 600,
      subjectKey: Buffer.from(x, 'base64url'),
      domain: 'mcp.example.com',
    },
    'capiscio-dev-1',
    issuer,
  )
}

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-mcp-client-')))
  client = createCoreClient({ address: core.address })
  callerBadge = await devCredential(core.folder, 'badges', 'level-2.jwt')
  const own = await readDevServer(core.folder)
  serverKey = own.privateKey
  serverBadge = own.badge
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

type Sdk = 'v2 modern' | 'v2 legacy' | 'v1'
const SDKS: Sdk[] = ['v2 modern', 'v2 legacy', 'v1']

interface Connected {
  readonly server: { state: string; popVerified: boolean; isVerified: boolean }
  readonly seen: object[]
  call(): Promise<{ isError?: boolean }>
}

interface Setup {
  readonly server?: ProtectServerOptions | 'plain'
  /** Changes what passes from server to client. */
  readonly between?: ((message: Record<string, unknown>) => Record<string, unknown>) | undefined
  readonly client?: ConnectVerifiedOptions
}

/** A client of one SDK and era against a v2 server, with somebody between them. */
async function connect(sdk: Sdk, { server = {}, between, client: options = {} }: Setup): Promise<Connected> {
  const build = () => {
    const mcp = new McpServer({ name: 's', version: '1' })
    if (server !== 'plain') protectServer(mcp, { ...server, client })
    mcp.registerTool('read', { inputSchema: z.object({}) }, async () => ({ content: [{ type: 'text', text: 'done' }] }))
    return mcp
  }
  const [mine, theirs] = InMemoryTransport.createLinkedPair()
  const seen: object[] = []
  const send = mine.send.bind(mine)
  mine.send = (message, rest) => {
    seen.push(structuredClone(message))
    return send(message, rest)
  }
  if (between !== undefined) {
    const back = theirs.send.bind(theirs)
    theirs.send = (message, rest) => back(between(structuredClone(message) as never) as never, rest)
  }
  if (sdk === 'v2 modern') serveStdio(build, { transport: theirs })
  else await build().connect(theirs)
  const modern = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const
  const mcp =
    sdk === 'v1'
      ? new ClientV1({ name: 'c', version: '1' })
      : new ClientV2({ name: 'c', version: '1' }, sdk === 'v2 modern' ? modern : {})
  const connection = await connectVerified(mcp, mine, { ...options, client })
  return {
    get server() {
      return connection.server
    },
    seen,
    call: async () => (await (mcp as ClientV2).callTool({ name: 'read', arguments: {} })) as never,
  }
}

const identity = () => ({ did: DID, badge: serverBadge, privateKey: serverKey })
const failure = (connecting: Promise<unknown>) =>
  connecting.then(
    () => expect.unreachable('the server must be refused'),
    (error) => error,
  )

describe.each(SDKS)('a client of %s', (sdk) => {
  it('verifies the server and its possession of the key before it shows its badge', async () => {
    const { server, call, seen } = await connect(sdk, {
      server: { identity: identity(), defaults: { minTrustLevel: 2 } },
      client: { requirePop: true, minTrustLevel: 1, expectedDid: DID, credential: { badge: callerBadge } },
    })
    expect(server).toMatchObject({ state: 'VERIFIED_PRINCIPAL', popVerified: true, trustLevel: 1, serverDid: DID })
    expect(JSON.stringify(seen)).not.toContain(callerBadge)
    expect((await call()).isError).toBeFalsy()
    expect(JSON.stringify(seen.at(-1))).toContain(callerBadge)
  })

  it.each<[string, Setup, string]>([
    ['that discloses nothing', { server: 'plain' }, 'SERVER_IDENTITY_MISSING'],
    ['without a badge', { server: { identity: { did: DID } } }, 'SERVER_BADGE_MISSING'],
    ['of too low a level', { client: { minTrustLevel: 3 } }, 'SERVER_TRUST_INSUFFICIENT'],
    ['other than the expected one', { client: { expectedDid: `${DID}-2` } }, 'SERVER_DID_MISMATCH'],
    [
      'that proves nothing',
      { server: { identity: { did: DID } }, client: { requirePop: true } },
      'SERVER_BADGE_MISSING',
    ],
    ['at another place', { client: { url: 'https://evil.example/mcp' } }, 'SERVER_DOMAIN_MISMATCH'],
    [
      'of an issuer that it does not trust',
      { client: { trustedIssuers: ['https://other.example'] } },
      'SERVER_ISSUER_UNTRUSTED',
    ],
  ])('leaves a server %s, and nothing but the handshake has left', async (_, setup, code) => {
    const server = setup.server ?? { identity: identity() }
    const error = await failure(connect(sdk, { ...setup, server }))
    expect(error).toMatchObject({ name: 'ServerVerifyError', code })
  })

  it('leaves a server whose badge is another server’s', async () => {
    const other = generateKeyPairSync('ed25519').privateKey
    const stolen = { did: DID, badge: serverBadge, privateKey: other }
    const error = await failure(connect(sdk, { server: { identity: stolen }, client: { requirePop: true } }))
    expect(error).toMatchObject({ code: 'SERVER_POP_FAILED' })
    const mismatch = { did: `${DID}-2`, badge: serverBadge, privateKey: serverKey }
    expect(await failure(connect(sdk, { server: { identity: mismatch } }))).toMatchObject({
      code: 'SERVER_DID_MISMATCH',
    })
  })

  it('leaves a server whose badge has expired', async () => {
    const expired = await badgeFor(DID, serverKey, { agoSeconds: 3600 })
    const error = await failure(connect(sdk, { server: { identity: { ...identity(), badge: expired } } }))
    expect(error).toMatchObject({ code: 'SERVER_BADGE_EXPIRED' })
  })

  it('leaves a server whose proof was made for another endpoint', async () => {
    const relayed = {
      server: { identity: { ...identity(), origin: 'https://real.example' } },
      client: { requirePop: true },
    }
    expect(await failure(connect(sdk, relayed))).toMatchObject({ code: 'SERVER_POP_FAILED' })
  })

  it('leaves a server whose identity somebody took away or changed', async () => {
    const edit =
      (change: (meta: Record<string, unknown>) => void): Setup['between'] =>
      (message) => {
        const meta = (message.result as { _meta?: Record<string, unknown> } | undefined)?._meta
        if (meta !== undefined) change(meta)
        return message
      }
    const strip = edit((meta) => {
      for (const name of Object.keys(meta)) if (/capisc/.test(name)) delete meta[name]
    })
    const server = { identity: identity() }
    expect(await failure(connect(sdk, { server, between: strip }))).toMatchObject({ code: 'SERVER_IDENTITY_MISSING' })
    const contradict = edit((meta) => {
      if ('capiscio_server_did' in meta) meta.capiscio_server_did = 'did:web:evil.example'
    })
    expect(await failure(connect(sdk, { server, between: contradict }))).toMatchObject({ code: 'SERVER_DID_INVALID' })
    const spoil = edit((meta) => {
      for (const name of Object.keys(meta)) if (/bound/.test(name)) meta[name] = 'x.y.z'
    })
    const strict = { requirePop: true }
    expect(await failure(connect(sdk, { server, between: spoil, client: strict }))).toMatchObject({
      code: 'SERVER_POP_FAILED',
    })
  })

  it('stays with an unverified server when told so, and shows it no badge', async () => {
    const { server, call, seen } = await connect(sdk, {
      server: 'plain',
      client: { failOnUnverified: false, credential: { badge: callerBadge } },
    })
    expect(server).toMatchObject({ state: 'UNVERIFIED_ORIGIN', isVerified: false })
    await call()
    expect(JSON.stringify(seen)).not.toContain(callerBadge)
  })

  it('shows its badge to an unverified server only when told so', async () => {
    const { call, seen } = await connect(sdk, {
      server: 'plain',
      client: { failOnUnverified: false, sendCredentialToUnverified: true, credential: { badge: callerBadge } },
    })
    await call()
    expect(JSON.stringify(seen.at(-1))).toContain(callerBadge)
  })

  it('picks up a renewed badge of its own', async () => {
    let current = 'first'
    const { call, seen } = await connect(sdk, {
      server: { identity: identity() },
      client: { credential: { badge: () => current } },
    })
    await call()
    current = 'second'
    await call()
    expect(seen.slice(-2).map((message) => /first|second/.exec(JSON.stringify(message))?.[0])).toEqual([
      'first',
      'second',
    ])
  })

  it('looks again when a verification is too old, and leaves a server that was revoked', async () => {
    let badge = serverBadge
    const { call, server } = await connect(sdk, {
      server: { identity: { ...identity(), badge: () => badge } },
      client: { recheckMs: 1 },
    })
    expect((await call()).isError).toBeFalsy()
    expect(server.isVerified).toBe(true)
    badge = 'no badge'
    const outcome = await call().then(
      () => 'called',
      (error) => error.code,
    )
    // In the legacy era a server discloses once for a connection.
    expect(outcome).toBe(sdk === 'v2 modern' ? 'SERVER_BADGE_INVALID' : 'called')
  })
})

describe('the modern era', () => {
  it('can be demanded', async () => {
    const server = { identity: identity() }
    const client = { requireModernEra: true }
    expect((await connect('v2 modern', { server, client })).server.isVerified).toBe(true)
    expect(await failure(connect('v2 legacy', { server, client }))).toMatchObject({ name: 'ServerVerifyError' })
  })

  it('does not take the proof that can be relayed', async () => {
    const between: Setup['between'] = (message) => {
      const meta = (message.result as { _meta?: Record<string, unknown> } | undefined)?._meta ?? {}
      for (const name of Object.keys(meta)) if (/bound/.test(name)) delete meta[name]
      return message
    }
    const setup = { server: { identity: identity() }, between, client: { requirePop: true } }
    expect(await failure(connect('v2 modern', setup))).toMatchObject({ code: 'SERVER_POP_FAILED' })
  })
})

describe('connectVerified', () => {
  it.each<[ConnectVerifiedOptions | object]>([
    [{ minTrustLevel: 7 }],
    [{ url: 'not a url' }],
    [{ credential: { badge: '' } }],
    [{ minimumLevel: 2 }],
    [{ recheckMs: 0 }],
  ])('is wrongly used with %o', async (options) => {
    const [mine] = InMemoryTransport.createLinkedPair()
    await expect(connectVerified(new ClientV1({ name: 'c', version: '1' }), mine, options)).rejects.toThrow(TypeError)
  })
})
