import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreService } from '@capiscio/proto/core/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'

const EVALUATE = '/capiscio.core.v1.CoreService/EvaluateToolAccess'
const APP = 'https://app.example.com'

let core: CoreProcess

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-web-'))
  core = await startDevCore(folder, ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--allow-origin', APP])
})

afterAll(async () => {
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number | undefined
  readonly headers: Record<string, unknown>
  readonly text: string
}

/** One request with exactly these headers, which `fetch` would not send. */
function send(method: string, path: string, headers: Record<string, string>, body = ''): Promise<Answer> {
  const { hostname, port } = new URL(core.http)
  return new Promise((resolve, reject) => {
    const sent = request({ method, hostname, port, path, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const ask = (headers: Record<string, string>, body = '{"toolName":"list_files"}') =>
  send('POST', EVALUATE, { 'content-type': 'application/json', ...headers }, body)

async function logSize(): Promise<bigint | undefined> {
  using client = createRawClient(core.address)
  return (await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size
}

describe('a program on this machine', () => {
  it('gets decisions, and no CORS header', async () => {
    const { status, headers, text } = await ask({})
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ decision: { outcome: 'OUTCOME_ALLOW' } })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it.each([
    ['a demand', { toolName: 'list_files', config: { minTrustLvel: 4 } }],
    ['a credential', { toolName: 'list_files', badge: 'a.b.c' }],
    ['a mode', { toolName: 'list_files', enforcementMode: 'EM-STRICT' }],
    ['a name that is there twice', '{"toolName":"list_files","toolName":"list_files"}'],
  ])('that misspells %s is refused, and nothing is recorded', async (_what, body) => {
    const before = await logSize()
    const { status, text } = await ask({}, typeof body === 'string' ? body : JSON.stringify(body))
    expect(status).toBe(400)
    expect(JSON.parse(text)).toMatchObject({ code: 'invalid_argument' })
    expect(await logSize()).toBe(before)
  })

  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80', '169.254.169.254'])(
    'that came by the name %j is refused, and nothing is recorded',
    async (host) => {
      const before = await logSize()
      expect((await ask({ host })).status).toBe(403)
      expect(await logSize()).toBe(before)
    },
  )
})

describe('a page', () => {
  it('of an allowed origin gets decisions', async () => {
    const preflight = await send('OPTIONS', EVALUATE, { origin: APP, 'access-control-request-method': 'POST' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers).toMatchObject({ 'access-control-allow-origin': APP, vary: 'origin' })
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined()
    expect(String(preflight.headers['access-control-allow-headers'])).toContain('Authorization')
    const { status, headers } = await ask({ origin: APP })
    expect([status, headers['access-control-allow-origin']]).toEqual([200, APP])
  })

  it.each(['https://evil.example', 'null', `${APP}.evil.example`, APP.toUpperCase(), 'http://app.example.com', '*'])(
    'of the origin %s gets nothing, and nothing is recorded',
    async (origin) => {
      const before = await logSize()
      for (const { status, headers } of [await ask({ origin }), await send('OPTIONS', EVALUATE, { origin })]) {
        expect(status).toBe(403)
        expect(headers['access-control-allow-origin']).toBeUndefined()
      }
      expect(await logSize()).toBe(before)
    },
  )
})

describe('what is not for browsers', () => {
  it.each([
    '/capiscio.core.v1.AdminService/Reload',
    '/capiscio.core.v1.AdminService/RevokeLocally',
    '/capiscio.v1.SimpleGuardService/GenerateKeyPair',
    '/capiscio.v1.TrustStoreService/AddKey',
  ])('%s is not there', async (path) => {
    expect((await send('POST', path, { 'content-type': 'application/json' }, '{}')).status).toBe(404)
  })

  it('a stream in both directions is refused: HTTP/1.1 cannot carry it', async () => {
    const stream = '/capiscio.core.v1.CoreService/EvaluateToolAccessStream'
    expect((await send('POST', stream, { 'content-type': 'application/connect+json' })).status).toBe(505)
  })
})

describe('a message that is too large', () => {
  it('is refused with its code, again and again, and the next one on the connection is answered', async () => {
    const large = JSON.stringify({ toolName: 'x'.repeat(5 * 1024 * 1024) })
    const post = (body: string) =>
      fetch(core.http + EVALUATE, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    for (let again = 0; again < 20; again += 1) {
      expect(await (await post(large)).json()).toMatchObject({ code: 'resource_exhausted' })
      expect((await post('{"toolName":"list_files"}')).status).toBe(200)
    }
  })
})
