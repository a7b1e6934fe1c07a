import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readEvidenceLogs } from '@capiscio/core'
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreClient, connectVerified, createCoreClient } from '../../sdk-node/src/index.ts'
import { type CoreProcess, devCredential, runCapiscio, startDevCore } from '../tools/core-process.ts'
import { type DevServer, readDevServer } from '../tools/dev-server.ts'
import { createV1Sessions, serveHttp, serveV2 } from '../tools/mcp-http-servers.ts'

const MAIN = join(import.meta.dirname, '../../core/dist/main.js')

let core: CoreProcess
let client: CoreClient
let badge: string
let own: DevServer
let folder: string

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-proxy-')))
  client = createCoreClient({ address: core.address })
  badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
  own = await readDevServer(core.folder)
  folder = core.folder
  await writeFile(join(folder, 'own.pem'), own.pem)
  await writeFile(
    join(folder, 'proxy-policy.yaml'),
    'version: 1\ndefault: { minTrustLevel: 0 }\ntools:\n  - match: ["guarded"]\n    minTrustLevel: 2\n',
  )
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  expect(await core.stop()).toBe(0)
  await rm(folder, { recursive: true, force: true })
})

/** `capiscio mcp proxy` as its users start it. */
async function startProxy(target: URL) {
  const home = await mkdtemp(join(folder, 'proxy-'))
  const args = ['mcp', 'proxy', '--target', target.href, '--listen', '127.0.0.1:0', '--json']
  const child = spawn(
    process.execPath,
    [
      ...[MAIN, ...args, '--config', join(folder, 'capiscio.yaml'), '--policy', join(folder, 'proxy-policy.yaml')],
      ...['--profile', 'dev', '--state-dir', join(home, 'state')],
      ...['--did', own.did, '--badge', join(folder, 'badges', 'server.jwt'), '--key', join(folder, 'own.pem')],
    ],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH ?? '', HOME: home, CAPISCIO_EVIDENCE_DIR: join(home, 'evidence') },
    },
  )
  const exited = once(child, 'exit').then(([code]) => code as number)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { url } = JSON.parse((await lines.next()).value ?? '{}') as { url: string }
  return {
    url: new URL(url),
    evidence: join(home, 'evidence'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      expect(await exited).toBe(0)
    },
  }
}

async function decisions(root: string): Promise<Record<string, unknown>[]> {
  const found = []
  for await (const { leaf } of readEvidenceLogs({ root })) {
    const record = JSON.parse(new TextDecoder().decode(leaf))
    if (record['event.name'] === 'capiscio.tool_invocation') found.push(record)
  }
  return found
}

const MODERN = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const
const info = { name: 'c', version: '1' }

describe.each([
  ['v1', 'v1'],
  ['v1', 'v2'],
  ['v2 legacy', 'v1'],
  ['v2 legacy', 'v2'],
  ['v2 modern', 'v2'],
] as const)('a client of %s and a plain server of %s with the proxy between them', (kind, sdk) => {
  it('run what the policy allows, hide and deny the rest, verify the server, and leave evidence', async () => {
    await using target = await serveHttp(sdk === 'v1' ? createV1Sessions() : serveV2)
    let evidence: string
    {
      await using proxy = await startProxy(target.url)
      evidence = proxy.evidence
      const open = () =>
        (kind === 'v1' ? new ClientV1(info) : new ClientV2(info, kind === 'v2 modern' ? MODERN : {})) as ClientV2
      const wire = () => (kind === 'v1' ? new HttpV1(proxy.url) : new HttpV2(proxy.url)) as HttpV2

      const plain = open()
      await plain.connect(wire())
      expect((await plain.listTools()).tools.map(({ name }) => name)).toEqual(['open'])
      expect(await plain.callTool({ name: 'open', arguments: {} })).toMatchObject({
        content: [{ type: 'text', text: 'open' }],
        _meta: { 'io.capisc/evidence': { evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
      })
      expect(await plain.callTool({ name: 'guarded', arguments: {} })).toMatchObject({
        isError: true,
        _meta: { 'io.capisc/denial': { code: 'TOOL_AUTH_MISSING' } },
      })
      await plain.close()

      const mcp = open()
      const { server } = await connectVerified(mcp, wire() as never, {
        url: proxy.url,
        client,
        credential: { badge },
        requirePop: true,
        minTrustLevel: 1,
        skipOriginBinding: true,
      })
      expect(server).toMatchObject({ state: 'VERIFIED_PRINCIPAL', popVerified: true, serverDid: own.did })
      expect((await mcp.listTools()).tools.map(({ name }) => name)).toEqual(['open', 'guarded'])
      expect(await mcp.callTool({ name: 'guarded', arguments: {} })).toMatchObject({
        content: [{ type: 'text', text: 'guarded' }],
        _meta: { 'io.capisc/evidence': {} },
      })
      await mcp.close()
    }
    expect(await decisions(evidence)).toMatchObject([
      { 'capiscio.target': 'open', 'capiscio.decision': 'ALLOW', 'io.capisc.server_origin': target.url.origin },
      { 'capiscio.target': 'guarded', 'capiscio.decision': 'DENY' },
      { 'capiscio.target': 'guarded', 'capiscio.decision': 'ALLOW' },
    ])
    const seen = target.headers.map((headers) => JSON.stringify(headers)).join()
    expect(seen).not.toContain(badge)
    const told = target.headers.filter((headers) => 'x-capiscio-agent-id' in headers)
    expect(told.map((headers) => headers['x-capiscio-agent-id'])).toEqual([
      'did:web:registry.capiscio.invalid:agents:example-agent',
    ])
  })
})

describe('the command', () => {
  it.each([
    [['--target', 'ftp://a.example/mcp'], 2, 'URL of the MCP endpoint'],
    [[], 2, '--target'],
    [['--target', 'http://a.example/mcp', '--listen', '0.0.0.0:0'], 1, 'beyond loopback'],
    [['--target', 'http://a.example/mcp', '--badge', 'b.jwt'], 1, 'need --did'],
    [['--target', 'http://a.example/mcp', '--did', 'files'], 1, 'not a DID'],
    [['--target', 'http://a.example/mcp', '--target-ca', '/nowhere/ca.pem'], 1, '/nowhere/ca.pem cannot be read'],
    [['--target', 'http://a.example/mcp', '--target-ca', MAIN], 1, 'no certificate in PEM form'],
    [['--target', 'http://a.example/mcp', '--origin', 'https://a.example/x'], 2, 'Give an origin'],
    [['--target', 'http://a.example/mcp', '--listen', 'nowhere'], 2, 'HOST:PORT'],
  ])('refuses %o', async (args, code, said) => {
    const ran = await runCapiscio(['mcp', 'proxy', ...args], { env: { HOME: folder } })
    expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(said)])
    expect(ran.stderr).not.toContain('unexpected fault')
  })

  it('does not start where the address is taken, and leaves the log free', async () => {
    await using taken = await serveHttp(serveV2)
    const env = { HOME: folder, CAPISCIO_EVIDENCE_DIR: join(folder, 'free') }
    const proxy = ['mcp', 'proxy', '--target', taken.url.href, '--listen', taken.url.host]
    const ran = await runCapiscio(proxy, { env })
    const [unguarded, refused] = ran.stderr.split('\n')
    expect(unguarded).toMatch(/^capiscio: there is no policy.*see --policy$/)
    expect([ran.code, refused]).toEqual([1, expect.stringContaining('is taken')])
    expect((await runCapiscio(['evidence', 'verify'], { env })).code).toBe(0)
  })
})
