import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreClient, connectVerified, createCoreClient } from '../../sdk-node/src/index.ts'
import { buildServer, MATRIX_DEMANDS } from '../fakes/mcp/matrix-server.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { type DevServer, readDevServer } from '../tools/dev-server.ts'

const PROGRAM = join(import.meta.dirname, '../fakes/mcp/matrix-server.ts')

let core: CoreProcess
let client: CoreClient
let badge: string
let own: DevServer

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-matrix-')))
  client = createCoreClient({ address: core.address })
  badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
  own = await readDevServer(core.folder)
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

type ClientKind = 'v1' | 'v2 legacy' | 'v2 auto'
type Place = { readonly url?: URL; readonly sdk: 'v1' | 'v2'; readonly kind: 'ours' | 'plain' }

function openClient(kind: ClientKind) {
  if (kind === 'v1') return new ClientV1({ name: 'c', version: '1' })
  const auto = { versionNegotiation: { mode: 'auto' } } as const
  return new ClientV2({ name: 'c', version: '1' }, kind === 'v2 auto' ? auto : {})
}

function openTransport(kind: ClientKind, { url, sdk, kind: server }: Place) {
  if (url !== undefined) return kind === 'v1' ? new HttpV1(url) : new HttpV2(url)
  const Stdio = kind === 'v1' ? StdioV1 : StdioV2
  const identity = server === 'ours' ? [own.did, own.badge, own.pem] : []
  return new Stdio({
    command: process.execPath,
    args: [PROGRAM, sdk, server, ...identity],
    env: { CAPISCIO_CORE_ADDR: core.address },
    stderr: 'inherit',
  })
}

/** An HTTP endpoint of one SDK, on loopback. */
async function openHttp(sdk: 'v1' | 'v2', kind: 'ours' | 'plain') {
  const http = createServer()
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const identity = { did: own.did, badge: own.badge, privateKey: own.privateKey, origin }
  const options = kind === 'ours' ? { ...MATRIX_DEMANDS, identity, client } : undefined
  http.on(
    'request',
    sdk === 'v1' ? serveV1(options) : (toNodeHandler(createMcpHandler(() => buildServer('v2', options))) as never),
  )
  return {
    url: new URL(`${origin}/mcp`),
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

/** The stateless form: a server and a transport for each request. */
function serveV1(options: Parameters<typeof buildServer>[1]) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const transport = new StreamableHTTPServerTransport({})
    await buildServer('v1', options).connect(transport as never)
    await transport.handleRequest(request, response)
  }
}

const CELLS = (['v1', 'v2 legacy', 'v2 auto'] as const).flatMap((clientKind) =>
  (['v1', 'v2'] as const).flatMap((sdk) =>
    (['stdio', 'http'] as const).flatMap((transport) =>
      (['ours', 'plain'] as const).flatMap((server) =>
        (['ours', 'plain'] as const).map((caller) => ({ clientKind, sdk, transport, server, caller })),
      ),
    ),
  ),
)

describe('every client meets every server', () => {
  it.each(CELLS)(
    '$caller client $clientKind, $server server $sdk, $transport',
    async ({ clientKind, sdk, transport, server, caller }) => {
      const http = transport === 'http' ? await openHttp(sdk, server) : undefined
      const mcp = openClient(clientKind) as ClientV2
      try {
        const wire = openTransport(clientKind, { sdk, kind: server, ...(http && { url: http.url }) })
        let state: object | undefined
        if (caller === 'ours') {
          const connection = await connectVerified(mcp, wire as never, {
            ...(http && { url: http.url }),
            client,
            credential: { badge },
            failOnUnverified: false,
            requirePop: true,
            // The DID names the registry's host, and the servers are on loopback.
            skipOriginBinding: true,
          })
          state = connection.server
        } else {
          await mcp.connect(wire as never)
        }

        const verified = { state: 'VERIFIED_PRINCIPAL', popVerified: true, serverDid: own.did }
        const unknown = { state: 'UNVERIFIED_ORIGIN', popVerified: false, serverDid: undefined }
        if (caller === 'ours') expect(state).toMatchObject(server === 'ours' ? verified : unknown)

        // A server of ours lets run what the caller shows a badge for; a plain one lets run everything.
        const mayRunAll = server === 'plain' || caller === 'ours'
        const { tools } = await mcp.listTools()
        expect(tools.map(({ name }) => name)).toEqual(mayRunAll ? ['open', 'guarded'] : ['open'])
        const call = async (name: string) =>
          (await mcp.callTool({ name, arguments: {} })) as { isError?: boolean; _meta?: object }
        expect((await call('open')).isError).toBeFalsy()
        const guarded = await call('guarded')
        expect(guarded.isError ?? false).toBe(!mayRunAll)
        const receipt = guarded._meta ?? {}
        expect('io.capisc/evidence' in receipt).toBe(server === 'ours')
        expect('io.capisc/denial' in receipt).toBe(!mayRunAll)
      } finally {
        await mcp.close()
        await http?.close()
      }
    },
  )
})
