import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, hostHeaderValidationResponse, localhostAllowedHostnames } from '@modelcontextprotocol/server'
import {
  createHttpGate,
  type HttpGate,
  type ProtectServerOptions,
  type ServerIdentityOptions,
} from '../../../sdk-node/src/index.ts'
import { buildEverythingV1, buildEverythingV2 } from './everything-server.ts'

/** What protects a server: without it, the server stands there as its SDK made it. */
export interface Protection extends ProtectServerOptions {
  readonly identity: ServerIdentityOptions
}

/** An HTTP endpoint on loopback. */
export interface HttpEndpoint extends AsyncDisposable {
  readonly url: string
}

/** Serves the everything server of either SDK over Streamable HTTP, protected and behind a gate, or plain. */
export async function serveEverything(sdk: 'v1' | 'v2', protection?: Protection): Promise<HttpEndpoint> {
  const http = createServer()
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const identity = protection && { ...protection.identity, origin }
  const options = identity && { ...protection, identity }
  const gate = identity && createHttpGate({ identity })
  http.on('request', sdk === 'v1' ? sessionsOf(port, options, gate) : bothEras(options, gate))
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
function bothEras(options: ProtectServerOptions | undefined, gate: HttpGate | undefined): NodeHandler {
  const mcp = createMcpHandler(() => buildEverythingV2(options))
  const serve = async (request: Request): Promise<Response> =>
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? mcp.fetch(request)
  return toNodeHandler({ fetch: gate?.fetch(serve) ?? serve }) as never
}

/** SDK v1: a server and a transport for each session. */
function sessionsOf(port: number, options: ProtectServerOptions | undefined, gate: HttpGate | undefined): NodeHandler {
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
    await buildEverythingV1(options).connect(transport as never)
    return transport
  }
}
