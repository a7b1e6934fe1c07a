import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { credentialToMeta } from '@capiscio/mcp'
import { Client, InMemoryTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { buildServer, type Guard, openGuard, type ServerStarted } from './mcp-server.ts'
import type { ServerProcess } from './server-process.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')
const SERVER = join(import.meta.dirname, 'mcp-server.ts')

/** How client and server are connected. `plain` of the same transport is what the other guards are set in relation to. */
export type McpTransport = 'in memory' | 'stdio' | 'HTTP legacy' | 'HTTP modern'

/** `wrap` and `proxy` are processes of ours in front of a plain server. */
export type McpGuard = Guard | 'wrap' | 'proxy'

/** A connected client of a server, ready to be called. */
export interface McpCase extends AsyncDisposable {
  readonly transport: McpTransport
  readonly guard: McpGuard
  /** Every process that has a part in a call, this one among them. */
  readonly pids: readonly number[]
  /** One `tools/call`. Rejects when it is not answered as it should be. */
  call(): Promise<void>
}

export interface McpCasesOptions {
  /** A development folder. */
  readonly folder: string
  readonly core: ServerProcess
}

const MODERN = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const

/** Opens every transport with every guard that goes with it. */
export async function openMcpCases({ folder, core }: McpCasesOptions): Promise<McpCase[]> {
  const badge = (await readFile(join(folder, 'badges', 'level-2.jwt'), 'utf8')).trim()
  const env = { PATH: process.env.PATH ?? '', HOME: folder, CAPISCIO_CORE_ADDR: core.socket }
  const decides = ['--config', join(folder, 'capiscio.yaml'), '--profile', 'dev', '--log-level', 'error']
  const spawned: ChildProcess[] = []
  // Whatever ends the bench, no server stays behind.
  process.once('exit', () => spawned.map((child) => child.kill('SIGKILL')))
  const pidsOf = (guard: McpGuard): number[] => (guard === 'core' ? [process.pid, core.pid] : [process.pid])

  async function inMemory(guard: Guard): Promise<McpCase> {
    const [mine, theirs] = InMemoryTransport.createLinkedPair()
    const asked = await openGuard(guard, folder, core.socket)
    serveStdio(() => buildServer(asked), { transport: theirs })
    const client = await connect(mine, MODERN)
    return caseOf('in memory', guard, client, pidsOf(guard), () => asked?.[Symbol.asyncDispose]())
  }

  async function stdio(guard: Guard | 'wrap'): Promise<McpCase> {
    const server = [SERVER, 'stdio', guard === 'wrap' ? 'plain' : guard, folder]
    const args = guard === 'wrap' ? [MAIN, 'mcp', 'wrap', ...decides, '--', process.execPath, ...server] : server
    const transport = new StdioClientTransport({ command: process.execPath, args, env, stderr: 'pipe' })
    const said = started(transport.stderr as Readable)
    const client = await connect(transport, MODERN)
    const pids = new Set([...pidsOf(guard), transport.pid ?? 0, (await said).pid])
    return caseOf('stdio', guard, client, [...pids])
  }

  async function http(transport: 'HTTP legacy' | 'HTTP modern', guard: Guard | 'proxy'): Promise<McpCase> {
    const children: ChildProcess[] = []
    const run = (args: string[]) => {
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
      children.push(child)
      spawned.push(child)
      return child
    }
    const server = await started(run([SERVER, 'http', guard === 'proxy' ? 'plain' : guard, folder]).stdout)
    let { url = '' } = server
    const pids = [...pidsOf(guard), server.pid]
    if (guard === 'proxy') {
      const proxy = run([MAIN, 'mcp', 'proxy', ...decides, '--target', url, '--listen', '127.0.0.1:0', '--json'])
      url = (await started(proxy.stdout)).url ?? ''
      pids.push(proxy.pid ?? 0)
    }
    const client = await connect(
      new StreamableHTTPClientTransport(new URL(url)),
      transport === 'HTTP modern' ? MODERN : {},
    )
    return caseOf(transport, guard, client, pids, async () => {
      for (const child of children) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
    })
  }

  function caseOf(
    transport: McpTransport,
    guard: McpGuard,
    client: Client,
    pids: readonly number[],
    close: () => unknown = () => undefined,
  ): McpCase {
    // A plain server is sent the same bytes.
    const _meta = credentialToMeta({ badge })
    const isGuarded = guard !== 'plain'
    return {
      ...{ transport, guard, pids },
      async call() {
        const params = { name: 'read_rows', arguments: { query: 'select 1' }, _meta: { ..._meta } }
        const result = await client.callTool(params)
        const hasReceipt = result._meta !== undefined && 'io.capisc/evidence' in result._meta
        if (result.isError === true || hasReceipt !== isGuarded) {
          throw new Error(`${transport}, ${guard}: ${JSON.stringify(result)}`)
        }
      },
      async [Symbol.asyncDispose]() {
        await client.close()
        await close()
      },
    }
  }

  const cases: McpCase[] = []
  for (const guard of ['plain', 'core', 'in-process'] as const) cases.push(await inMemory(guard))
  for (const guard of ['plain', 'core', 'in-process', 'wrap'] as const) cases.push(await stdio(guard))
  for (const transport of ['HTTP legacy', 'HTTP modern'] as const) {
    for (const guard of ['plain', 'core', 'in-process', 'proxy'] as const) cases.push(await http(transport, guard))
  }
  return cases
}

async function connect(transport: Parameters<Client['connect']>[0], options: object): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' }, options)
  await client.connect(transport)
  return client
}

/** The line of JSON with which a server or the proxy says that it is ready. */
async function started(output: Readable): Promise<ServerStarted> {
  const heard: string[] = []
  for await (const line of createInterface({ input: output })) {
    if (line.startsWith('{"pid"') || line.startsWith('{"event":"started"')) {
      output.resume()
      return JSON.parse(line) as ServerStarted
    }
    heard.push(line)
  }
  throw new Error(`An MCP server ended before it was ready.\n${heard.join('\n')}`)
}
