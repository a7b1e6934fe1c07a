// An MCP server with one tool that does nothing, to see what guarding it costs:
// node mcp-server.ts stdio|http plain|core|in-process FOLDER
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInProcessCore } from '@capiscio/core'
import { type CoreClient, createCoreClient, protectServer } from '@capiscio/mcp'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

/** Who decides: nobody, the core beside it at `CAPISCIO_CORE_ADDR`, or a core in the server's own process. */
export type Guard = 'plain' | 'core' | 'in-process'

/** What the server says when it is ready, as a line of JSON: over stdio on standard error, over HTTP on standard output. */
export interface ServerStarted {
  readonly pid: number
  readonly url?: string
}

/** The core that a server with this guard asks. */
export async function openGuard(guard: Guard, folder: string, address: string): Promise<CoreClient | undefined> {
  if (guard === 'plain') return undefined
  if (guard === 'core') return createCoreClient({ address })
  const env = { HOME: folder }
  return createInProcessCore({ config: join(folder, 'capiscio.yaml'), profile: 'dev', logLevel: 'error', env })
}

/** A server of SDK v2, guarded when there is a core to ask. */
export function buildServer(client: CoreClient | undefined): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' })
  if (client !== undefined) protectServer(server, { client, tools: { read_rows: { minTrustLevel: 2 } } })
  server.registerTool('read_rows', { inputSchema: z.object({ query: z.string() }) }, ({ query }) => ({
    content: [{ type: 'text', text: `3 rows for ${query}` }],
  }))
  return server
}

// Started as a program.
if (process.argv[1] === import.meta.filename) {
  const [transport, guard, folder = ''] = process.argv.slice(2)
  const client = await openGuard(guard as Guard, folder, process.env.CAPISCIO_CORE_ADDR ?? '')
  const { pid } = process
  if (transport === 'stdio') {
    serveStdio(() => buildServer(client))
    console.error(JSON.stringify({ pid } satisfies ServerStarted))
  } else {
    const http = createServer(toNodeHandler(createMcpHandler(() => buildServer(client))) as RequestListener)
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`
    console.log(JSON.stringify({ pid, url } satisfies ServerStarted))
  }
}
