import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreClient, createCoreClient } from '../../sdk-node/src/index.ts'
import { buildEverythingV1, buildEverythingV2 } from '../fakes/mcp/everything-server.ts'
import { type Protection, serveMcp } from '../fakes/mcp/serve-mcp.ts'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { readDevServer } from '../tools/dev-server.ts'
import { startProxyProcess } from '../tools/proxy-process.ts'
import { passedScenarios, runConformance } from './conformance-suite.ts'
import { mcpTools } from './mcp-tools.ts'
import { obtained } from './prepared.ts'

const nodeModules = await obtained('The MCP conformance suite', mcpTools)

let core: CoreProcess
let client: CoreClient
let protection: Protection
let policyFile: string

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-conformance-core-')))
  client = createCoreClient({ address: core.address })
  const { did, badge, privateKey } = await readDevServer(core.folder)
  policyFile = join(core.folder, 'allow-all.yaml')
  await writeFile(policyFile, 'version: 1\ndefault: { minTrustLevel: 0 }\n')
  protection = { client, identity: { did, badge, privateKey } }
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

/** How many decisions the core has made so far. */
async function decisions(): Promise<number> {
  const metrics = await (await fetch(`${core.http}/metrics`)).text()
  const counts = metrics.matchAll(/^capiscio_decisions_total\{.*\} (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

const EVERYTHING = { v1: buildEverythingV1, v2: buildEverythingV2 }

const ALWAYS = [
  'dns-rebinding-protection',
  'prompts-get-with-args',
  'prompts-list',
  'resources-list',
  'resources-templates-read',
  'tools-call-error',
  'tools-call-mixed-content',
  'tools-call-simple-text',
  'tools-call-with-progress',
  'tools-list',
]
const LEGACY = ['--suite', 'active', '--spec-version', '2025-11-25']

/** What a server of each SDK is asked, and some of what it passes: the suite ran, and the server is one. */
const RUNS = [
  {
    title: 'SDK v2 in the modern era',
    sdk: 'v2',
    selection: ['--requirements', '2026-07-28'],
    passes: [
      ...ALWAYS,
      'caching',
      'http-header-validation',
      'input-required-result-basic-elicitation',
      'input-required-result-request-state',
      'server-stateless',
    ],
    // Of a server without tasks. The proxy answers for tasks that are not the caller's.
    proxied: { 'tasks-dispatch-and-envelope/sep-2663-tasks-get-invalid-task-id-32602': 'SUCCESS' },
  },
  {
    title: 'SDK v2 in the legacy era',
    sdk: 'v2',
    selection: LEGACY,
    passes: [...ALWAYS, 'ping', 'server-initialize'],
    proxied: {},
  },
  {
    title: 'SDK v1 with sessions',
    sdk: 'v1',
    selection: LEGACY,
    passes: [
      ...ALWAYS,
      'ping',
      'server-initialize',
      'server-session-lifecycle',
      'tools-call-elicitation',
      'tools-call-sampling',
      'tools-call-with-logging',
    ],
    proxied: {},
  },
] as const

describe.skipIf(nodeModules === undefined)('the official conformance suite', () => {
  it.each(RUNS)(
    'says the same of a plain server, of a protected one, and of the plain one behind the proxy: $title',
    async ({ sdk, selection, passes, proxied: own }) => {
      const reportOn = async (given?: Protection) => {
        await using endpoint = await serveMcp(sdk, EVERYTHING, given)
        return await runConformance(nodeModules ?? '', endpoint.url, selection)
      }
      const reportBehindProxy = async () => {
        await using endpoint = await serveMcp(sdk, EVERYTHING)
        const { did } = protection.identity
        await using proxy = await startProxyProcess({ target: endpoint.url, folder: core.folder, policyFile, did })
        return await runConformance(nodeModules ?? '', proxy.url, selection)
      }
      const before = await decisions()
      const [plain, guarded, proxied] = await Promise.all([reportOn(), reportOn(protection), reportBehindProxy()])
      expect(passedScenarios(plain)).toEqual(expect.arrayContaining([...passes]))
      expect(guarded).toEqual(plain)
      expect(await decisions()).toBeGreaterThan(before)
      expect(proxied).toEqual({ ...plain, ...own })
    },
  )
})
