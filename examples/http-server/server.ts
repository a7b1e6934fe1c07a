// An MCP server over Streamable HTTP that says who it is and proves it.
//   CAPISCIO_CORE_ADDR=127.0.0.1:50051 npx node examples/http-server/server.ts
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createHttpGate, protectServer } from '@capiscio/mcp'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  McpServer,
} from '@modelcontextprotocol/server'
import { z } from 'zod'

const http = createServer().listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
await once(http, 'listening')
const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`

// The example server that `capiscio dev` has registered, with the badge that it keeps fresh.
const folder = process.argv[2] ?? '.capiscio-dev'
const identity = {
  did: 'did:web:registry.capiscio.invalid:servers:example-server',
  badge: async () => (await readFile(join(folder, 'badges', 'server.jwt'), 'utf8')).trim(),
  privateKey: await readFile(join(folder, 'server.pem'), 'utf8'),
  origin,
}

const answer = (text: string) => ({ content: [{ type: 'text' as const, text }] })

const handler = createMcpHandler(() => {
  const server = protectServer(new McpServer({ name: 'orders', version: '1.0.0' }), {
    identity,
    tools: { read_orders: { minTrustLevel: 2 }, delete_orders: { minTrustLevel: 4, requireBadge: true } },
  })
  const input = { inputSchema: z.object({}) }
  server.registerTool('opening_hours', { description: 'For everybody', ...input }, () => answer('9 to 5'))
  server.registerTool('read_orders', { description: 'From level 2 on', ...input }, () => answer('3 orders'))
  server.registerTool('delete_orders', { description: 'From level 4 on', ...input }, () => answer('No orders left'))
  return server
})

// The gate puts the identity into the headers of every answer. Names other than localhost are refused
// behind it, so that no page of the web reaches this server by a name of its own.
const gate = createHttpGate({ identity })
const serve = gate.fetch(
  async (request) => hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? handler.fetch(request),
)
http.on('request', toNodeHandler({ fetch: serve }))
console.log(`${origin}/mcp`)
