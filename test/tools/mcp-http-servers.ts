import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { buildServer } from '../fakes/mcp/matrix-server.ts'

/** An HTTP server on loopback, and what it was asked. */
export interface HttpServer extends AsyncDisposable {
  readonly url: URL
  /** Headers of every request, in order. */
  readonly headers: IncomingMessage['headers'][]
}

export async function serveHttp(handler: RequestListener): Promise<HttpServer> {
  const headers: IncomingMessage['headers'][] = []
  const http = createServer((request, response) => {
    headers.push(request.headers)
    handler(request, response)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`),
    headers,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

/** A plain server of SDK v2, in both eras. */
export const serveV2: RequestListener = (request, response) =>
  (toNodeHandler(createMcpHandler(() => buildServer('v2', undefined))) as RequestListener)(request, response)

/** A plain server of SDK v1 that keeps sessions, and answers with event streams. */
export function createV1Sessions(): RequestListener {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.headers['mcp-session-id']
    let transport = typeof id === 'string' ? sessions.get(id) : undefined
    if (transport === undefined && id !== undefined) return void response.writeHead(404).end()
    if (transport === undefined) {
      const opened = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (session) => void sessions.set(session, opened),
      })
      await buildServer('v1', undefined).connect(opened as never)
      transport = opened
    }
    await transport.handleRequest(request, response)
  }
  return (request, response) => void serve(request, response).catch(() => response.destroy())
}
