import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import type { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  type McpServer as McpServerV2,
} from '@modelcontextprotocol/server'
import {
  createHttpGate,
  type HttpGate,
  type ProtectServerOptions,
  type ServerIdentityOptions,
} from '../../../sdk-node/src/index.ts'

/** What protects a server: without it, the server stands there as its SDK made it. */
export interface Protection extends ProtectServerOptions {
  readonly identity: ServerIdentityOptions
}

/** An HTTP endpoint on loopback. */
export interface HttpEndpoint extends AsyncDisposable {
  readonly url: string
}

/** Makes a server of the SDK in question, with the options of `protectServer` or plain. */
export type BuildServer<Server> = (options: ProtectServerOptions | undefined) => Server

/** How servers of each SDK are made. */
export interface Builders {
  readonly v1: BuildServer<McpServerV1>
  readonly v2: BuildServer<McpServerV2>
}

/** Serves what `builders` makes over Streamable HTTP, protected and behind a gate, or plain. */
export async function serveMcp(sdk: 'v1' | 'v2', builders: Builders, protection?: Protection): Promise<HttpEndpoint> {
  const http = createServer()
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const identity = protection && { ...protection.identity, origin }
  const options = identity && { ...protection, identity }
  const gate = identity && createHttpGate({ identity })
  http.on(
    'request',
    sdk === 'v1' ? sessionsOf(port, () => builders.v1(options), gate) : bothEras(() => builders.v2(options), gate),
  )
  return {
    url: `${origin}/mcp`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** SDK v2: each request by itself, in the era that it speaks. */
function bothEras(build: () => McpServerV2, gate: HttpGate | undefined): NodeHandler {
  const mcp = createMcpHandler(build)
  const serve = async (request: Request): Promise<Response> =>
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? mcp.fetch(request)
  return toNodeHandler({ fetch: gate?.fetch(serve) ?? serve }) as never
}

/** SDK v1: a server and a transport for each session. */
function sessionsOf(port: number, build: () => McpServerV1, gate: HttpGate | undefined): NodeHandler {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (request, response) => {
    if (gate !== undefined && !(await gate.node(request, response))) return
    const session = request.headers['mcp-session-id']
    const transport = typeof session === 'string' ? sessions.get(session) : await open()
    if (transport === undefined) return void response.writeHead(404).end()
    await transport.handleRequest(request, response)
  }

  async function open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      enableDnsRebindingProtection: true,
      allowedHosts: [`127.0.0.1:${port}`, `localhost:${port}`],
    })
    await build().connect(transport as never)
    return transport
  }
}
