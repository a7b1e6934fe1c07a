// An MCP client that talks to a verified server only, and shows its own badge to no other.
//   CAPISCIO_CORE_ADDR=127.0.0.1:50051 npx node examples/client/client.ts http://127.0.0.1:3000/mcp
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CapiscioMcpClient, ServerVerifyError } from '@capiscio/mcp'

const [url = 'http://127.0.0.1:3000/mcp', folder = '.capiscio-dev'] = process.argv.slice(2)

async function main(): Promise<void> {
  await using client = await CapiscioMcpClient.connect({
    url,
    // What is demanded of the server: a badge of this level, and the key that it is for.
    minTrustLevel: 1,
    requirePop: true,
    // The DID of the example server names a registry and not this machine. Leave this out for servers in the open.
    skipOriginBinding: true,
    // Who calls: an agent of level 2 from `capiscio dev`.
    badge: async () => (await readFile(join(folder, 'badges', 'level-2.jwt'), 'utf8')).trim(),
  })
  console.log(`${client.serverDid} is verified, trust level ${client.serverTrustLevel}`)
  console.log(`tools: ${(await client.listTools()).map(({ name }) => name).join(', ')}`)

  for (const tool of ['read_orders', 'delete_orders']) {
    const result = await client.callTool(tool)
    const [said] = result.content as { text: string }[]
    const evidence = client.receiptOf(result)?.evidenceId
    console.log(`${tool}: ${said?.text}${evidence === undefined ? '' : ` (evidence ${evidence})`}`)
  }
}

try {
  await main()
} catch (error) {
  if (!(error instanceof ServerVerifyError)) throw error
  console.error(`This server is not as demanded: ${error.code}. ${error.message}`)
  process.exitCode = 1
}
