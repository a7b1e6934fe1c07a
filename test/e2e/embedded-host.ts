// An MCP server's process as the embedded core sees it: it guards one tool, calls it as it is
// told on standard input, and prints each outcome as a line of JSON.
import { createInterface } from 'node:readline'
import { CapiscioError, currentDecision, GuardError, guard } from '@capiscio/mcp'

const runs: string[] = []
const options = { read: { minTrustLevel: 0 }, admin: { minTrustLevel: 2 } } as const
const tools = Object.fromEntries(
  Object.entries(options).map(([tool, needs]) => [
    tool,
    guard({ tool, ...needs }, async ({ word }: { word: string }) => {
      runs.push(tool)
      return { word, evidenceId: currentDecision()?.evidenceId }
    }),
  ]),
)

for await (const line of createInterface({ input: process.stdin })) {
  const { tool, word } = JSON.parse(line) as { tool: string; word: string }
  const answer = await tools[tool]?.({ word }).catch((error: unknown) => {
    if (error instanceof GuardError) return { denied: error.code, evidenceId: error.evidenceId }
    if (error instanceof CapiscioError) return { failed: error.code, message: error.message }
    throw error
  })
  console.log(JSON.stringify({ ...answer, runs }))
}
