// Starts a core, a real MCP server and a real MCP client, calls three guarded tools as
// nine different callers, and shows every decision and what the log holds afterwards.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readEvidenceLogs } from '@capiscio/core'
import { CallerCredential, credentialToMeta } from '@capiscio/mcp'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { printTable } from './table.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = await mkdtemp(join(tmpdir(), 'capiscio-demo-'))

const CALLS = [
  ['list_files', {}],
  ['read_database', { query: 'select 1' }],
  ['delete_file', { name: 'plan.txt' }],
] as const

interface Receipt {
  readonly outcome: string
  readonly reason?: string
  readonly trustLevel?: number
  readonly evidenceId?: string
}

/** What callers present. `undefined` is a caller without a credential. */
async function callers(): Promise<[name: string, credential: CallerCredential | undefined][]> {
  const read = async (...path: string[]) => (await readFile(join(folder, ...path), 'utf8')).trim()
  const badge = async (name: string) => new CallerCredential({ badge: await read('badges', `${name}.jwt`) })
  const genuine = await read('badges', 'level-3.jwt')
  const signature = genuine.lastIndexOf('.') + 1
  const forged = genuine.slice(0, signature) + (genuine[signature] === 'A' ? 'B' : 'A') + genuine.slice(signature + 1)
  return [
    ['anonymous', undefined],
    ['API key', new CallerCredential({ apiKey: await read('api-key') })],
    ['unknown API key', new CallerCredential({ apiKey: 'not-a-key-of-this-core' })],
    ['badge level 0', await badge('level-0')],
    ['badge level 1', await badge('level-1')],
    ['badge level 2', await badge('level-2')],
    ['badge level 3', await badge('level-3')],
    ['expired badge', await badge('expired')],
    ['forged badge', new CallerCredential({ badge: forged })],
  ]
}

/** Starts `capiscio dev` on free ports and waits for the line that says where it listens. */
async function startCore() {
  const main = join(root, 'core', 'dist', 'main.js')
  const ports = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const child = spawn(process.execPath, [main, 'dev', '--dir', folder, ...ports, '--log-level', 'error', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const { addresses } = JSON.parse(line) as { addresses: { tcp: string } }
    return { child, address: addresses.tcp }
  }
  throw new Error('The core stopped before it was ready; its message is above.')
}

const core = await startCore()
const client = new Client({ name: 'demo-client', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
try {
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [join(import.meta.dirname, 'server.ts')],
      env: { PATH: process.env.PATH ?? '', CAPISCIO_CORE_ADDR: core.address },
      stderr: 'inherit',
    }),
  )

  const rows: string[][] = []
  for (const [caller, credential] of await callers()) {
    for (const [tool, args] of CALLS) {
      // The badge travels in the request itself, beside the arguments and nowhere else.
      const _meta = credential && (await credentialToMeta(credential))
      const result = await client.callTool({ name: tool, arguments: args, ...(_meta && { _meta }) })
      const receipt = result._meta?.['io.capisc/decision'] as Receipt | undefined
      if (receipt === undefined) throw new Error(`${tool} was answered without a decision: ${JSON.stringify(result)}`)
      const { outcome, reason = '', trustLevel, evidenceId = '' } = receipt
      rows.push([tool, caller, outcome, reason, trustLevel === undefined ? '-' : String(trustLevel), evidenceId])
    }
  }
  printTable(['Tool', 'Caller', 'Decision', 'Reason', 'Level', 'Evidence id'], rows)

  // The log is read from its files, with every signature checked, by another process than its writer.
  const records: Record<string, unknown>[] = []
  let log = ''
  for await (const { origin, leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
    log = origin
    records.push(JSON.parse(new TextDecoder().decode(leaf)))
  }
  const decisions = records.filter((record) => record['event.name'] === 'capiscio.tool_invocation')
  const allowed = decisions.filter((record) => record['capiscio.decision'] === 'ALLOW').length
  const outcomes = records.length - decisions.length
  console.log(`\nThe log ${log} holds ${records.length} records for ${rows.length} calls:`)
  console.log(
    `${allowed} allowed, ${decisions.length - allowed} denied, and what came of ${outcomes} that were allowed.`,
  )
  console.log('Every signed commit verifies. The last decision:')
  console.log(JSON.stringify(decisions.at(-1), null, 2))
  const logged = new Set(decisions.map((record) => record.id))
  if (decisions.length !== rows.length || !rows.every((row) => logged.has(row[5]))) {
    throw new Error('A decision is missing from the log.')
  }
} finally {
  await client.close()
  core.child.kill('SIGTERM')
  await new Promise((resolve) => core.child.once('exit', resolve))
  await rm(folder, { recursive: true, force: true })
}
