import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'
import { type ProtectServerOptions, protectServer } from '../../../sdk-node/src/index.ts'

/** A server of either SDK with two tools, protected or plain. */
export function buildServer(sdk: 'v1', options: ProtectServerOptions | undefined): McpServerV1
export function buildServer(sdk: 'v2', options: ProtectServerOptions | undefined): McpServerV2
export function buildServer(sdk: 'v1' | 'v2', options: ProtectServerOptions | undefined): McpServerV1 | McpServerV2 {
  const Server = sdk === 'v1' ? McpServerV1 : McpServerV2
  const server = new Server({ name: 'matrix', version: '1' }) as McpServerV2
  if (options !== undefined) protectServer(server, options)
  for (const name of ['open', 'guarded']) {
    server.registerTool(name, { inputSchema: z.object({}) }, () => ({ content: [{ type: 'text', text: name }] }))
  }
  return server
}

/** What protected servers of the matrix demand. */
export const MATRIX_DEMANDS: ProtectServerOptions = { defaults: { minTrustLevel: 2 }, tools: { open: {} } }

// Started as a program: over standard input and output, as the arguments say.
if (process.argv[1] === import.meta.filename) {
  const [sdk, kind, did = '', badge = '', privateKey = ''] = process.argv.slice(2)
  const ours = { ...MATRIX_DEMANDS, filterListings: kind === 'ours', identity: { did, badge, privateKey } }
  // 'shown': everybody may see what they may not run.
  const options = kind === 'ours' || kind === 'shown' ? ours : undefined
  if (sdk === 'v1') await buildServer('v1', options).connect(new StdioServerTransport())
  else serveStdio(() => buildServer('v2', options))
}
