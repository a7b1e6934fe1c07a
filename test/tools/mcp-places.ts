import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createMcpExpressApp } from '@modelcontextprotocol/express'
import { createMcpHonoApp } from '@modelcontextprotocol/hono'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import express from 'express'
import type { BadgeAuthInfo, HttpGate } from '../../sdk-node/src/index.ts'
import type { SetUpServer } from './mcp-worlds.ts'

const INFO = { name: 'place', version: '1' }

/** Puts a server that `setUp` makes behind a gate, as the documentation of each framework does it. */
export type Place = (gate: HttpGate, setUp: SetUpServer) => RequestListener

/** `toNodeHandler` wants members that Node declares as optional. */
export const onNode = (handler: Parameters<typeof toNodeHandler>[0]): RequestListener =>
  toNodeHandler(handler) as unknown as RequestListener

function handlerV2(setUp: SetUpServer) {
  return createMcpHandler(() => {
    const server = new McpServerV2(INFO)
    setUp(server)
    return server
  })
}

/** A stateless server of v1: one for each request. */
async function serveV1(setUp: SetUpServer, request: express.Request, response: express.Response): Promise<void> {
  const server = new McpServerV1(INFO)
  setUp(server as unknown as McpServerV2)
  const transport = new StreamableHTTPServerTransport({})
  response.on('close', () => void server.close())
  await server.connect(transport as unknown as Parameters<typeof server.connect>[0])
  await transport.handleRequest(request, response, request.body)
}

export const MCP_PLACES: readonly (readonly [name: string, place: Place])[] = [
  ['fetch', (gate, setUp) => onNode({ fetch: gate.fetch(handlerV2(setUp).fetch) })],
  [
    'Node',
    (gate, setUp) => {
      const serve = onNode(handlerV2(setUp))
      return async (request, response) => {
        if (await gate.node(request, response)) serve(request, response)
      }
    },
  ],
  [
    'Express',
    (gate, setUp) => {
      const app = createMcpExpressApp()
      const serve = toNodeHandler(handlerV2(setUp))
      app.use(gate.express)
      app.all('/mcp', (request, response) => serve(request, response, request.body))
      return app
    },
  ],
  [
    'Express under a path, with SDK v1',
    (gate, setUp) => {
      const app = express()
      app.use('/mcp', gate.express)
      app.all('/mcp', express.json(), (request, response) => serveV1(setUp, request, response))
      return app
    },
  ],
  [
    'Hono',
    (gate, setUp) => {
      const app = createMcpHonoApp()
      const handler = handlerV2(setUp)
      app.use('*', gate.hono)
      app.all('/mcp', (context) =>
        handler.fetch(context.req.raw, {
          parsedBody: context.get('parsedBody' as never),
          authInfo: context.get('authInfo' as never) as BadgeAuthInfo,
        }),
      )
      return getRequestListener(app.fetch)
    },
  ],
]

/** Serves on a free port of loopback until it is disposed. */
export async function serveHttp(listener: RequestListener): Promise<AsyncDisposable & { readonly url: URL }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
