import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import type { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, type McpServer as McpServerV2 } from '@modelcontextprotocol/server'

/** Something that listens on loopback, until it is disposed. */
export interface HttpEndpoint extends AsyncDisposable {
  readonly origin: string
  readonly url: URL
}

/** Listens on a free port. The handler is made when the origin is known. */
export async function listen(handler: (origin: string) => RequestListener): Promise<HttpEndpoint> {
  const http = createServer()
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  http.on('request', handler(origin))
  return {
    origin,
    url: new URL(`${origin}/mcp`),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

/** A Streamable HTTP endpoint of SDK v2, both eras. */
export function listenV2(build: (origin: string) => McpServerV2): Promise<HttpEndpoint> {
  return listen((origin) => toNodeHandler(createMcpHandler(() => build(origin))) as RequestListener)
}

/** A Streamable HTTP endpoint of SDK v1, stateless: a server and a transport for each request. */
export function listenV1(build: (origin: string) => McpServerV1): Promise<HttpEndpoint> {
  return listen((origin) => async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const transport = new StreamableHTTPServerTransport({})
    await build(origin).connect(transport as never)
    await transport.handleRequest(request, response)
  })
}
