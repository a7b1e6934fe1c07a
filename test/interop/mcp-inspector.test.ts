import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreClient, createCoreClient } from '../../sdk-node/src/index.ts'
import { buildServer, MATRIX_DEMANDS } from '../fakes/mcp/matrix-server.ts'
import { type Builders, type HttpEndpoint, serveMcp } from '../fakes/mcp/serve-mcp.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { type DevServer, readDevServer } from '../tools/dev-server.ts'
import { type ProxyProcess, startProxyProcess } from '../tools/proxy-process.ts'
import { mcpTools } from './mcp-tools.ts'
import { obtained } from './prepared.ts'

const MAIN = join(import.meta.dirname, '../../core/dist/main.js')
const EXAMPLES = join(import.meta.dirname, '../../examples')
const SERVER = join(import.meta.dirname, '../fakes/mcp/matrix-server.ts')

const nodeModules = await obtained('The MCP inspector', mcpTools)

let core: CoreProcess
let client: CoreClient
let own: DevServer
let badge: string
let proxy: ProxyProcess
let endpoints: Record<'plain' | 'ours' | 'shown', HttpEndpoint>

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-inspector-')))
  client = createCoreClient({ address: core.address })
  own = await readDevServer(core.folder)
  badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
  const policyFile = join(core.folder, 'matrix-policy.yaml')
  await writeFile(
    policyFile,
    'version: 1\ndefault: { minTrustLevel: 0 }\ntools:\n  - match: ["guarded"]\n    minTrustLevel: 2\n',
  )
  const { pem: _pem, ...identity } = own
  const builders: Builders = {
    v1: (options) => buildServer('v1', options),
    v2: (options) => buildServer('v2', options),
  }
  const protection = { ...MATRIX_DEMANDS, client, identity }
  endpoints = {
    plain: await serveMcp('v2', builders),
    ours: await serveMcp('v2', builders, protection),
    shown: await serveMcp('v2', builders, { ...protection, filterListings: false }),
  }
  proxy = await startProxyProcess({ target: endpoints.plain.url, folder: core.folder, policyFile, did: own.did })
})

afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  for (const endpoint of Object.values(endpoints)) await endpoint[Symbol.asyncDispose]()
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

interface Printed {
  readonly code: number
  // biome-ignore lint/suspicious/noExplicitAny: what a program printed
  readonly json: any
}

const inspector = (): string =>
  join(nodeModules ?? '', '@modelcontextprotocol', 'inspector', 'clients', 'launcher', 'build', 'index.js')

/** Runs the inspector's command line against `target` and reads what it prints. */
function inspect(
  target: readonly string[],
  era: string,
  method: readonly string[],
  metadata?: string,
): Promise<Printed> {
  const program = inspector()
  const caller = metadata === undefined ? [] : ['--metadata', metadata]
  const args = [program, '--cli', '--protocol-era', era, '--method', ...method, ...caller, '--format', 'json', '-q']
  // It keeps a catalog in the home folder.
  const env = { PATH: process.env.PATH, HOME: core.folder }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...args, ...target], { env, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      // A result is printed on standard output, an error on the other.
      const printed = stdout.trim() === '' ? stderr : stdout
      if (typeof code === 'number') resolve({ code, json: JSON.parse(printed) })
      else reject(new Error(`The inspector: ${stdout}\n${stderr}`, { cause: error }))
    })
  })
}

/** The command line that starts a stdio server, protected as `kind` says, with its environment. */
function stdioTarget(kind: 'plain' | 'ours' | 'shown'): string[] {
  const identity = kind === 'plain' ? [] : [own.did, own.badge, own.pem]
  return ['-e', `CAPISCIO_CORE_ADDR=${core.address}`, process.execPath, SERVER, 'v2', kind, ...identity]
}

/** The same for the plain server behind `capiscio mcp wrap`. */
function wrapTarget(): string[] {
  const at = (...path: string[]): string => join(core.folder, ...path)
  const env = { CONFIG: at('capiscio.yaml'), STATE_DIR: at('wrap-state'), EVIDENCE_DIR: at('wrap-evidence') }
  const settings = Object.entries(env).flatMap(([name, value]) => ['-e', `CAPISCIO_${name}=${value}`])
  const flags = ['--policy', at('matrix-policy.yaml')]
  return [...settings, process.execPath, MAIN, 'mcp', 'wrap', ...flags, '--', process.execPath, SERVER, 'v2', 'plain']
}

const http = (kind: 'plain' | 'ours' | 'shown'): string[] => [endpoints[kind].url, '--transport', 'http']

const WAYS = [
  { way: 'stdio', plain: () => stdioTarget('plain'), ours: () => stdioTarget('ours') },
  { way: 'http', plain: () => http('plain'), ours: () => http('ours') },
  { way: 'capiscio mcp proxy', plain: () => http('plain'), ours: () => [proxy.url, '--transport', 'http'] },
  { way: 'capiscio mcp wrap', plain: () => stdioTarget('plain'), ours: wrapTarget },
] as const
const ERAS = ['legacy', 'modern'] as const
const CELLS = WAYS.flatMap((way) => ERAS.map((era) => ({ ...way, era })))

const LIST = ['tools/list']
const CALL = ['tools/call', '--tool-name', 'guarded']

describe.skipIf(nodeModules === undefined)('the MCP inspector', () => {
  it.each(CELLS)('sees the same with the guard and without, $way, $era era', async ({ era, plain, ours }) => {
    const caller = `capiscio_caller_badge=${badge}`
    const [listing, ourListing, call, ourCall, ourAnonymousListing] = await Promise.all([
      inspect(plain(), era, LIST, caller),
      inspect(ours(), era, LIST, caller),
      inspect(plain(), era, CALL, caller),
      inspect(ours(), era, CALL, caller),
      inspect(ours(), era, LIST),
    ])
    expect(listing).toMatchObject({ code: 0, json: { result: { tools: [{ name: 'open' }, { name: 'guarded' }] } } })
    expect(ourListing).toEqual(listing)

    // All that a call has more is the receipt, in `_meta`.
    expect(call).toMatchObject({ code: 0, json: { result: { content: [{ type: 'text', text: 'guarded' }] } } })
    const { 'io.capisc/evidence': receipt, ...meta } = ourCall.json.result._meta
    expect(receipt).toMatchObject({ evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect({ ...ourCall.json.result, _meta: meta }).toEqual({ _meta: {}, ...call.json.result })
    expect(ourCall.code).toBe(0)

    // And all that a listing has less is what its caller may not run.
    const [open] = listing.json.result.tools
    const { result } = listing.json
    expect(ourAnonymousListing).toEqual({ code: 0, json: { result: { ...result, tools: [open] } } })
  })

  it.each([
    { way: 'stdio', shown: () => stdioTarget('shown') },
    { way: 'http', shown: () => http('shown') },
  ])('prints a denial and exits as with every failed call, $way', async ({ shown }) => {
    const denials = await Promise.all(ERAS.map((era) => inspect(shown(), era, CALL)))
    for (const { code, json } of denials) {
      expect(json).toMatchObject({
        result: {
          isError: true,
          content: [{ type: 'text', text: expect.stringContaining('BADGE_MISSING') }],
          _meta: { 'io.capisc/denial': { code: 'TOOL_AUTH_MISSING' } },
        },
      })
      expect(code).toBe(5)
    }
  })

  it('runs the example as its README says', async () => {
    const text = await readFile(join(EXAMPLES, 'README.md'), 'utf8')
    const locked = JSON.parse(await readFile(join(import.meta.dirname, 'mcp', 'package.json'), 'utf8'))
    const name = '@modelcontextprotocol/inspector'
    const [, line = ''] = new RegExp(`npx ${name}@${locked.dependencies[name]} (.*\\\\\\n.*)`).exec(text) ?? []
    const typed = line.replace('\\\n', '').replace('npx node', 'node')
    const env = { PATH: process.env.PATH, HOME: core.folder, CAPISCIO_CORE_ADDR: core.address, badge }
    const run = promisify(execFile)
    const { stdout } = await run('bash', ['-c', `"$0" "$1" ${typed}`, process.execPath, inspector()], {
      cwd: join(EXAMPLES, '..'),
      env,
    })
    expect(stdout).toContain('Apache License')
  })
})
