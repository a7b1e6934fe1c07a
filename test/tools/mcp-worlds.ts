import { Client as ClientV2, InMemoryTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as InMemoryTransportV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

/** A tool result as a client gets it. */
export interface WorldResult {
  readonly isError?: boolean
  readonly content: unknown
  readonly _meta?: Readonly<Record<string, unknown>>
}

/** A client that is connected, in memory, to a server of the same SDK. */
export interface McpWorld {
  call(name: string, options?: { readonly meta?: object; readonly signal?: AbortSignal }): Promise<WorldResult>
  close(): Promise<void>
}

/** Gets a new server of either SDK, and may guard it and give it tools. Typed as v2; v1 takes the same. */
export type SetUpServer = (server: McpServerV2) => void

const INFO = { name: 'world', version: '1' }

async function openV2(setUp: SetUpServer, mode: 'legacy' | 'modern'): Promise<McpWorld> {
  const build = (): McpServerV2 => {
    const server = new McpServerV2(INFO)
    setUp(server)
    return server
  }
  const [mine, theirs] = InMemoryTransport.createLinkedPair()
  if (mode === 'modern') serveStdio(build, { transport: theirs })
  else await build().connect(theirs)
  const client = new ClientV2(INFO, mode === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {})
  await client.connect(mine)
  return {
    call: async (name, { meta = {}, signal } = {}) =>
      (await client.callTool(
        { name, arguments: {}, _meta: { ...meta } },
        signal && { signal },
      )) as unknown as WorldResult,
    close: () => client.close(),
  }
}

async function openV1(setUp: SetUpServer): Promise<McpWorld> {
  const server = new McpServerV1(INFO)
  setUp(server as unknown as McpServerV2)
  const [mine, theirs] = InMemoryTransportV1.createLinkedPair()
  const client = new ClientV1(INFO)
  await Promise.all([server.connect(theirs), client.connect(mine)])
  return {
    call: async (name, { meta = {}, signal } = {}) =>
      (await client.callTool(
        { name, arguments: {}, _meta: { ...meta } },
        undefined,
        signal && { signal },
      )) as unknown as WorldResult,
    close: () => client.close(),
  }
}

/** Both SDKs in the eras that they speak. */
export const MCP_WORLDS: readonly (readonly [name: string, open: (setUp: SetUpServer) => Promise<McpWorld>])[] = [
  ['v2 in the modern era', (setUp) => openV2(setUp, 'modern')],
  ['v2 in the legacy era', (setUp) => openV2(setUp, 'legacy')],
  ['v1', openV1],
]
