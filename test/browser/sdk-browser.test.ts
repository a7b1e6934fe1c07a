import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AdminService, CoreService, EvidenceService } from '@capiscio/proto/core/v1'
import { MCPService, SimpleGuardService } from '@capiscio/proto/v1'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as Sdk from '../../sdk-browser/src/index.ts'
import type * as Verify from '../../sdk-browser/src/verify/index.ts'
import { codeBlocks } from '../interop/docs-page.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { expectedOfPage, isForPages, type judgeBadgeVector as judge } from '../tools/judge-badge-vector.ts'
import type { BadgeVectorFile } from '../tools/make-badge-vectors.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'
import { bundleForBrowser } from './bundle.ts'
import { hasChromium, startChromium, type TestBrowser } from './chromium.ts'
import { type PageServer, startPageServer } from './page-server.ts'

/** What `page.ts` leaves on the page. */
declare const sdk: typeof Sdk
declare const verify: typeof Verify
declare const judgeBadgeVector: typeof judge

const GOLDEN = join(import.meta.dirname, '..', 'vectors', 'params-hash', 'golden.json')
const WORKED_EXAMPLE = join(import.meta.dirname, '..', 'vectors', 'evidence', 'worked-example.json')
const BADGE_VECTORS = join(import.meta.dirname, '..', 'vectors', 'badges')
const PROTOCOLS = ['connect', 'grpc-web'] as const

describe.skipIf(!hasChromium())('in a real browser', () => {
  const servers: PageServer[] = []
  let core: CoreProcess
  let raw: RawClient
  let browser: TestBrowser
  let allowed: Page
  let foreign: Page
  let badge: string
  let apiKey: string

  beforeAll(async () => {
    const { code } = await bundleForBrowser(join(import.meta.dirname, 'page.ts'))
    const [home, elsewhere] = await Promise.all([startPageServer(code), startPageServer(code)])
    servers.push(home, elsewhere)
    core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-browser-')), [
      ...['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--allow-origin', home.origin],
    ])
    raw = createRawClient(core.address)
    badge = await devCredential(core.folder, 'badges', 'level-2.jwt')
    apiKey = await devCredential(core.folder, 'api-key')
    browser = await startChromium()
    allowed = await openPage(home.origin)
    foreign = await openPage(elsewhere.origin)
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    raw?.[Symbol.dispose]()
    expect(await core?.stop()).toBe(0)
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    await rm(core.folder, { recursive: true, force: true })
  })

  async function openPage(origin: string): Promise<Page> {
    const page = await browser.context.newPage()
    await page.goto(`${origin}/`)
    await page.waitForFunction(() => 'sdk' in globalThis)
    return page
  }

  /** The keys of the issuer that `capiscio dev` makes. */
  const readJwks = () => JSON.parse(readFileSync(join(core.folder, 'jwks.json'), 'utf8'))

  /** Number of records, asked over gRPC. */
  async function recorded(): Promise<bigint> {
    const { evidenceLog } = await raw.call(CoreService.method.getServerInfo, {})
    return evidenceLog?.size ?? -1n
  }

  /** Asks from a page; a rejection comes back as the parts of its error. */
  function ask(
    page: Page,
    question: {
      readonly protocol: Sdk.Protocol
      readonly tool: string
      readonly credential?: { readonly badge: string } | { readonly apiKey: string }
      readonly baseUrl?: string
    },
  ) {
    return page.evaluate(
      async ({ baseUrl, protocol, tool, credential }) => {
        const client = sdk.createCoreClient({ baseUrl, protocol })
        try {
          const access = await client.evaluateToolAccess(tool, { query: 'Zürich' }, { credential })
          return { ...access, leafIndex: access.leafIndex?.toString(), leaf: undefined, fault: access.fault?.message }
        } catch (error) {
          const { name, code, message } = error as Sdk.CapiscioError
          return { thrown: error instanceof sdk.CapiscioError, name, code, message }
        }
      },
      { baseUrl: core.http, ...question },
    )
  }

  describe('the examples in docs/clients/browser.md', () => {
    const programs = codeBlocks('browser.md', 'js')
    const outputs = codeBlocks('browser.md', 'text')

    test('each have their output', () => {
      expect(programs.length).toBe(outputs.length)
    })

    test.each(programs.map((program, index) => [index + 1, program, outputs[index] ?? '']))(
      'number %i prints what the page says it prints',
      async (_, program, output) => {
        // Beside the tests, so that its imports resolve as a reader's would.
        const folder = await mkdtemp(join(import.meta.dirname, 'example-'))
        try {
          const entry = join(folder, 'example.js')
          await writeFile(entry, program)
          const { code } = await bundleForBrowser(entry)
          const printed: string[] = []
          allowed.on('console', (message) => printed.push(message.text()))
          const settings = { coreUrl: core.http, badge, jwks: readJwks() }
          await allowed.evaluate((settings) => Object.assign(globalThis, { settings }), settings)
          await allowed.addScriptTag({ type: 'module', content: code })
          await expect.poll(() => printed).toEqual(output.trim().split('\n'))
          allowed.removeAllListeners('console')
        } finally {
          await rm(folder, { recursive: true })
        }
      },
    )
  })

  describe.each(PROTOCOLS)('a page of an allowed origin, over %s', (protocol) => {
    test('gets an ALLOW with its record', async () => {
      const before = await recorded()
      const access = await ask(allowed, { protocol, tool: 'read_rows', credential: { badge } })
      expect(access).toMatchObject({
        outcome: 'ALLOW',
        principal: 'did:web:registry.capiscio.invalid:agents:example-agent',
        authLevel: 'badge',
        trustLevel: 2,
        leafIndex: before.toString(),
      })
      expect(JSON.parse('evidenceJson' in access ? (access.evidenceJson ?? '') : '')).toMatchObject({
        'capiscio.decision': 'ALLOW',
        'capiscio.target': 'read_rows',
        'capiscio.tool.params_hash': await allowed.evaluate(() => sdk.computeParamsHash({ query: 'Zürich' })),
      })
      expect(await recorded()).toBe(before + 1n)
    })

    test('gets a DENY with its reason and record', async () => {
      const before = await recorded()
      expect(await ask(allowed, { protocol, tool: 'drop_table', credential: { badge } })).toMatchObject({
        outcome: 'DENY',
        reason: 'POLICY_DENIED',
        code: 'TOOL_POLICY_DENIED',
        leafIndex: before.toString(),
      })
      expect(await recorded()).toBe(before + 1n)
    })

    test('gets a decision for an API key, and for nobody', async () => {
      expect(await ask(allowed, { protocol, tool: 'list_files', credential: { apiKey } })).toMatchObject({
        authLevel: 'apikey',
        principal: expect.stringMatching(/^apikey:/),
      })
      expect(await ask(allowed, { protocol, tool: 'list_files' })).toMatchObject({
        authLevel: 'anonymous',
        principal: undefined,
      })
    })

    test('reads the status of a malformed question with its fields', async () => {
      const before = await recorded()
      expect(await ask(allowed, { protocol, tool: 'x'.repeat(1025) })).toMatchObject({
        thrown: true,
        name: 'InvalidRequestError',
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('tool_name'),
      })
      expect(await recorded()).toBe(before)
    })

    test('learns what the core is', async () => {
      const info = await allowed.evaluate(
        async (options) => {
          const { ready, profile, coreVersion } = await sdk.createCoreClient(options).getServerInfo()
          return { ready, profile, coreVersion }
        },
        { baseUrl: core.http, protocol },
      )
      expect(info).toEqual({ ready: true, profile: 'dev', coreVersion: '0.1.0' })
    })

    test('has the core read what a server disclosed', async () => {
      const identities = await allowed.evaluate(
        async (options) => {
          const client = sdk.createCoreClient(options)
          const headers = new Headers({ 'capiscio-server-did': 'did:web:mcp.example.com' })
          const conflict = { capiscio_server_did: 'did:web:a.example', 'io.capisc/server-did': 'did:web:b.example' }
          return [
            await client.parseServerIdentity({ headers }),
            await client.parseServerIdentity({ meta: { 'io.capisc/server-badge': 'a.b.c' } }),
            (await client.parseServerIdentity({ meta: {} })) ?? 'nothing',
            await client.parseServerIdentity({ meta: conflict }).catch((error) => error.code),
          ]
        },
        { baseUrl: core.http, protocol },
      )
      expect(identities).toEqual([
        { serverDid: 'did:web:mcp.example.com', serverBadge: undefined },
        { serverDid: undefined, serverBadge: 'a.b.c' },
        'nothing',
        'REQUEST_INVALID',
      ])
    })

    // Not a decision: one that is given up on its way may still be recorded, whenever it arrives.
    test('gives a call up with its AbortSignal', async () => {
      const aborted = await allowed.evaluate(
        async (options) => {
          const controller = new AbortController()
          const outcomes: string[] = []
          const watched: Sdk.CoreClientOptions['fetch'] = (input, init) => {
            const answer = fetch(input, init)
            answer.then(
              () => outcomes.push('answered'),
              () => outcomes.push('request ended'),
            )
            controller.abort()
            return answer
          }
          const client = sdk.createCoreClient({ ...options, fetch: watched })
          const code = await client.getServerInfo({ signal: controller.signal }).catch((error) => error.code)
          await new Promise((resolve) => setTimeout(resolve))
          return [code, ...outcomes]
        },
        { baseUrl: core.http, protocol },
      )
      expect(aborted).toEqual(['CALL_ABORTED', 'request ended'])
    })
  })

  describe.each(PROTOCOLS)('a page of a foreign origin, over %s', (protocol) => {
    test('gets nothing, and the core records nothing', async () => {
      const before = await recorded()
      for (const baseUrl of [core.http, core.http.replace('127.0.0.1', 'localhost')]) {
        const answer = await ask(foreign, { protocol, tool: 'list_files', credential: { badge }, baseUrl })
        expect(answer).toMatchObject({ thrown: true, name: 'CoreConnectionError', code: 'CORE_UNREACHABLE' })
        expect(answer.message).toContain(servers[1]?.origin)
        expect(answer.message).toContain('--allow-origin')
        expect(answer.message).not.toContain(badge)
      }
      expect(await recorded()).toBe(before)
    })
  })

  test('a foreign page leaves no record by requests that need no preflight either', async () => {
    const before = await recorded()
    const answers = await foreign.evaluate(async (http) => {
      const url = `${http}/capiscio.core.v1.CoreService/EvaluateToolAccess`
      const body = JSON.stringify({ toolName: 'list_files' })
      const post = { method: 'POST', body, mode: 'no-cors' } as const
      const plain = await fetch(url, post)
      const blob = await fetch(url, { ...post, body: new Blob([body], { type: 'application/json' }) })
      const health = await fetch(`${http}/healthz`).then(
        () => 'read',
        () => 'kept away',
      )
      return [plain, blob].map((response) => `${response.type} ${response.status}`).concat(health)
    }, core.http)
    expect(answers).toEqual(['opaque 0', 'opaque 0', 'kept away'])
    expect(await recorded()).toBe(before)
  })

  describe('the web listener', () => {
    /** HTTP status of an empty JSON question to each method, as a page of the allowed origin sees it. */
    async function statuses(
      methods: readonly { readonly parent: { readonly typeName: string }; readonly name: string }[],
    ) {
      const paths = methods.map(({ parent, name }) => `/${parent.typeName}/${name}`)
      return allowed.evaluate(
        async ({ http, paths }) => {
          const headers = { 'content-type': 'application/json' }
          const ask = async (path: string) => (await fetch(http + path, { method: 'POST', headers, body: '{}' })).status
          return Promise.all(paths.map(ask))
        },
        { http: core.http, paths },
      )
    }

    test('has no AdminService and no SimpleGuardService for pages', async () => {
      const hidden = [...AdminService.methods, ...SimpleGuardService.methods]
      expect(hidden.length).toBeGreaterThan(10)
      for (const status of await statuses(hidden)) expect([404, 405]).toContain(status)
    })

    test('has the others, so that the test above means something', async () => {
      expect(await statuses([CoreService.method.getServerInfo, MCPService.method.health])).toEqual([200, 200])
      const [evidence] = await statuses([EvidenceService.method.getRecord])
      expect([404, 405]).not.toContain(evidence)
    })
  })

  describe('the page itself', () => {
    test('computes the published hashes', async () => {
      const golden: { input: string; hash: string }[] = JSON.parse(readFileSync(GOLDEN, 'utf8'))
      const hashes = await allowed.evaluate(
        (inputs) => Promise.all(inputs.map((input) => sdk.computeParamsHash(JSON.parse(input)))),
        golden.map(({ input }) => input),
      )
      expect(hashes).toEqual(golden.map(({ hash }) => hash))
    })

    test('checks a receipt by itself, and takes a damaged one for no proof', async () => {
      const { receipt, entries, vkey } = JSON.parse(readFileSync(WORKED_EXAMPLE, 'utf8'))
      const proven = await allowed.evaluate(
        async ({ texts, leaf, vkey }) => {
          const bytes = new TextEncoder().encode(leaf)
          const check = (text: string) =>
            sdk.verifyReceipt(text, bytes, vkey).then(
              ({ leafIndex, checkpoint }) => `${leafIndex} of ${checkpoint.size}`,
              (error) => (error instanceof sdk.EvidenceError ? error.code : String(error)),
            )
          return Promise.all(texts.map(check))
        },
        { texts: [receipt.text, receipt.text.replace('index 1', 'index 2')], leaf: entries[1].text, vkey },
      )
      expect(proven).toEqual(['1 of 3', 'EVIDENCE_INVALID'])
    })

    test.each(['rfc-002.json', 'further.json'])('verifies badges as a core does: %s', async (name) => {
      const { setting, vectors }: BadgeVectorFile = JSON.parse(readFileSync(join(BADGE_VECTORS, name), 'utf8'))
      const cases = vectors.filter((vector) => isForPages({ ...setting, ...vector }))
      const outcomes = await allowed.evaluate(
        async ({ setting, cases }) => {
          const judged = cases.map(async (vector) => {
            const { outcome } = await judgeBadgeVector(verify.createVerifier, { ...setting, ...vector }, vector.token)
            return `${vector.id} ${outcome}`
          })
          return Promise.all(judged)
        },
        { setting, cases },
      )
      expect(outcomes).toEqual(cases.map((vector) => `${vector.id} ${expectedOfPage(vector)}`))
    })

    test('verifies a badge of this core by the keys of its issuer, and no neighbour of it', async () => {
      const issuer = 'https://registry.capiscio.invalid'
      const jwks = readJwks()
      const answers = await allowed.evaluate(
        async ({ issuer, jwks, badge }) => {
          const options = { issuers: { [issuer]: jwks }, isRevoked: () => false, development: true }
          const verifier = verify.createVerifier(options)
          const [header, payload, signature = ''] = badge.split('.')
          const other = `${header}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`
          const ask = (token: string) =>
            verifier.verifyBadge(token).then(
              ({ subject, trustLevel }) => `${subject} ${trustLevel}`,
              (error) => (error instanceof verify.BadgeError ? error.code : String(error)),
            )
          return [await ask(badge), await ask(other)]
        },
        { issuer, jwks, badge },
      )
      expect(answers).toEqual(['did:web:registry.capiscio.invalid:agents:example-agent 2', 'BADGE_SIGNATURE_INVALID'])
    })

    test('has no global of Node', async () => {
      expect(
        await allowed.evaluate(() => ['process', 'Buffer', 'require', 'global'].filter((name) => name in globalThis)),
      ).toEqual([])
    })

    test('shows no credential in the console, whatever is unfolded there', async () => {
      const session = await browser.context.newCDPSession(allowed)
      await session.send('Runtime.enable')
      const expression = `new sdk.CallerCredential({ apiKey: 'canary-' + 'api-key' })`
      const { result } = await session.send('Runtime.evaluate', { expression, generatePreview: true })
      const { objectId = '' } = result
      const properties = await session.send('Runtime.getProperties', {
        objectId,
        ownProperties: true,
        generatePreview: true,
      })
      await session.detach()
      expect(JSON.stringify(properties)).toContain('apiKey')
      expect(JSON.stringify([result, properties])).not.toContain('canary-api-key')
    })

    test('had no error of its own', async () => {
      const errors: string[] = []
      allowed.on('pageerror', (error) => errors.push(String(error)))
      await allowed.reload()
      await allowed.waitForFunction(() => 'sdk' in globalThis)
      expect(errors).toEqual([])
    })
  })
})
