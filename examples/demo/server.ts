// A small MCP server with three guarded tools, on standard input and output. What a
// caller needs for each is in the core's policy file and in `guard` below: the stricter
// of the two counts.
import {
  CredentialError,
  credentialFromMeta,
  currentDecision,
  GuardError,
  guard,
  type ToolAccess,
  withCredential,
} from '@capiscio/mcp'
import { type CallToolResult, McpServer, type ServerContext } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

type Tool<Args> = (args: Args, context: ServerContext) => Promise<CallToolResult>

/** The context is not part of what is decided; its signal stops a call that was cancelled. */
const mcp = {
  params: (args: object) => args,
  signal: (_args: object, context: ServerContext) => context.mcpReq.signal,
}

const listFiles = guard(
  { tool: 'list_files', acceptLevelZero: true, ...mcp },
  async (_args: object, _context: ServerContext) => allowed('invoices.csv, notes.md, plan.txt'),
)

const readDatabase = guard(
  { tool: 'read_database', minTrustLevel: 2, ...mcp },
  async ({ query }: { query: string }, _context: ServerContext) => allowed(`3 rows for ${query}`),
)

const deleteFile = guard(
  { tool: 'delete_file', minTrustLevel: 3, requireBadge: true, ...mcp },
  async ({ name }: { name: string }, _context: ServerContext) => allowed(`${name} is gone`),
)

/** Runs a guarded tool for the caller that the request's `_meta` names. */
function forCaller<Args>(tool: Tool<Args>): Tool<Args> {
  return async (args, context) => {
    try {
      return await withCredential(credentialFromMeta(context.mcpReq._meta), () => tool(args, context))
    } catch (error) {
      if (error instanceof GuardError) return denied(error.message, error.decision)
      if (error instanceof CredentialError) return denied(error.message)
      throw error
    }
  }
}

function allowed(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], _meta: receipt(currentDecision()) }
}

function denied(text: string, decision?: ToolAccess): CallToolResult {
  return { isError: true, content: [{ type: 'text', text }], _meta: receipt(decision) }
}

/** Tells the caller how its call was decided, and where the record is. */
function receipt(decision: ToolAccess | undefined) {
  if (decision === undefined) return {}
  const { outcome, reason, trustLevel, evidenceId, leafIndex } = decision
  return { 'io.capisc/decision': { outcome, reason, trustLevel, evidenceId, leafIndex: String(leafIndex) } }
}

serveStdio(() => {
  const server = new McpServer({ name: 'guarded-demo', version: '1.0.0' })
  server.registerTool(
    'list_files',
    { description: 'Names of all files', inputSchema: z.object({}) },
    forCaller(listFiles),
  )
  server.registerTool(
    'read_database',
    { description: 'Rows of a query', inputSchema: z.object({ query: z.string() }) },
    forCaller(readDatabase),
  )
  server.registerTool(
    'delete_file',
    { description: 'Removes a file', inputSchema: z.object({ name: z.string() }) },
    forCaller(deleteFile),
  )
  return server
})
