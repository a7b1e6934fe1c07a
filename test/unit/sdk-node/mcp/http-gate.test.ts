import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { AuthLevel, type Decision, EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import { CoreUnavailableError } from '@capiscio/proto/sdk'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHttpGate, type HttpGateOptions } from '../../../../sdk-node/src/mcp/http-gate.ts'
import { ACCEPTED, createGateCore, EXPIRES_AT, type GateScript, GOOD_BADGE, refused } from '../../../fakes/gate-core.ts'
import { createScriptedClient } from '../../../fakes/scripted-client.ts'
import { allow } from '../../../fakes/scripted-core.ts'

const AT = 'http://127.0.0.1/mcp'
const IDENTITY = { did: 'did:web:mcp.example.com', badge: 'server.badge', origin: 'https://mcp.example.com' }
const AUTH_INFO = {
  token: GOOD_BADGE,
  clientId: 'did:web:agents.example:a',
  scopes: ['trust:0', 'trust:1', 'trust:2'],
  expiresAt: EXPIRES_AT,
  extra: {
    did: 'did:web:agents.example:a',
    trustLevel: 2,
    ial: 1,
    badgeJti: 'jti-1',
    issuer: 'https://ca.example',
  },
}

/** A gate before a handler that says whom it was told about. */
function createWeb(options: HttpGateOptions, core = createGateCore()) {
  const passed: unknown[] = []
  const gate = createHttpGate({ client: core.client, ...options })
  const fetch = gate.fetch((_request, given?: object) => {
    passed.push(given)
    return new Response('from the server', { headers: { 'X-Own': '1', 'Access-Control-Expose-Headers': 'X-Own' } })
  })
  const ask = (headers: Record<string, string> = {}, init: RequestInit = {}, url = AT) =>
    fetch(new Request(url, { method: 'POST', ...init, headers }))
  return { ask, passed, asked: core.asked }
}

function accepting(changes: object): GateScript {
  return () => ({ result: { case: 'caller', value: { ...ACCEPTED.value, ...changes } } })
}

/** An ALLOW with its record, as for a tool of that name. */
function allowed(toolName: string): Decision {
  const answer = allow(create(EvaluateToolAccessRequestSchema, { toolName }))
  if (answer.kind !== 'decision' || answer.decision === undefined) throw new Error('nothing was decided')
  return answer.decision
}

/** Answers by which nobody may be let in, and after how many seconds to come again. */
const USELESS: readonly (readonly [what: string, script: GateScript, retryAfter: string | null])[] = [
  ['has no answer', () => Promise.reject(new CoreUnavailableError('busy at 10.0.0.1', { retryAfterMs: 1_500 })), '2'],
  ['fails', () => Promise.reject(new Error('secret detail')), null],
  ['says nothing', () => ({}), null],
  ['cannot record', () => ({ result: refused('EVIDENCE_UNAVAILABLE', 'EVIDENCE_UNAVAILABLE') }), null],
  ['has a fault', () => ({ result: refused('INTERNAL', 'INTERNAL') }), null],
  ['cannot ask about revocation', () => ({ result: refused('STATUS_CHECK_FAILED', 'TOOL_BADGE_INVALID') }), null],
  ['refuses with an ALLOW', () => ({ result: { case: 'refusal', value: allowed('/mcp') } }), null],
  ['accepts nobody', accepting({ principal: '' }), null],
  ['accepts an API key', accepting({ authLevel: AuthLevel.API_KEY }), null],
  ['accepts no level', accepting({ trustLevel: undefined }), null],
  ['accepts a level that is none', accepting({ trustLevel: 5 }), null],
  ['accepts a badge without end', accepting({ expiresAt: undefined }), null],
]

describe('a gate that requires a badge', () => {
  it('lets a good one through and tells the handler whose it is', async () => {
    const { ask, passed, asked } = createWeb({ requireBadge: true, identity: IDENTITY })
    expect(await (await ask({ 'X-Capiscio-Badge': GOOD_BADGE })).text()).toBe('from the server')
    expect(passed).toEqual([{ authInfo: AUTH_INFO }])
    expect(asked).toMatchObject([
      {
        endpoint: '/mcp',
        credential: { case: 'badgeJws', value: GOOD_BADGE },
        serverOrigin: 'https://mcp.example.com',
        config: { requireBadge: true, acceptLevelZero: true, minTrustLevel: 0, allowedTools: [] },
      },
    ])
  })

  it('answers 401 without a badge, names no error, and has it recorded', async () => {
    const { ask, passed, asked } = createWeb({ requireBadge: true })
    const response = await ask()
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="mcp"')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await response.json()).toEqual({
      error: 'BADGE_MISSING',
      code: 'TOOL_AUTH_MISSING',
      message: 'This endpoint wants a trust badge in the header X-Capiscio-Badge.',
      evidenceId: 'e-1',
    })
    expect(passed).toEqual([])
    expect(asked).toMatchObject([{ endpoint: '/mcp', credential: { case: undefined } }])
  })

  it('answers 401 for a badge that the core refuses, and says why', async () => {
    const { ask, passed } = createWeb({ requireBadge: true, identity: IDENTITY })
    const response = await ask({ 'X-Capiscio-Badge': 'old' })
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="mcp", error="invalid_token", error_description="BADGE_EXPIRED"',
    )
    expect(await response.json()).toMatchObject({ error: 'BADGE_EXPIRED', message: 'Because.', evidenceId: 'e-1' })
    expect(response.headers.get('Capiscio-Server-DID')).toBe(IDENTITY.did)
    expect(passed).toEqual([])
  })

  it.each([
    ['in one header', { 'X-Capiscio-Badge': `${GOOD_BADGE}, other` }],
    ['in two headers', { 'X-Capiscio-Badge': GOOD_BADGE, Authorization: 'Bearer other' }],
  ])('answers 401 for two credentials %s, and the core sees neither of them', async (_where, headers) => {
    const { ask, passed, asked } = createWeb({ requireBadge: true, bearerIsBadge: true })
    expect((await ask(headers)).status).toBe(401)
    expect(asked.map(({ credential }) => credential.value)).toEqual(['conflicting-credentials'])
    expect(passed).toEqual([])
  })

  it('takes the same badge twice for one', async () => {
    const { ask } = createWeb({ requireBadge: true, bearerIsBadge: true })
    const twice = { 'X-Capiscio-Badge': `${GOOD_BADGE}, ${GOOD_BADGE}`, Authorization: `Bearer ${GOOD_BADGE}` }
    expect((await ask(twice)).status).toBe(200)
  })

  it('lets through exactly who shows one good badge and nothing else, wherever it stands', async () => {
    const badges = fc.array(fc.constantFrom(GOOD_BADGE, 'old', 'good.badge.level', ''), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(badges, fc.option(fc.constantFrom(GOOD_BADGE, 'old')), async (shown, bearer) => {
        const { ask, passed } = createWeb({ requireBadge: true, bearerIsBadge: true })
        const response = await ask({
          ...(shown.length > 0 && { 'X-Capiscio-Badge': shown.join(', ') }),
          ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
        })
        const distinct = new Set([...shown, ...(bearer === null ? [] : [bearer])].filter((one) => one !== ''))
        const isGood = distinct.size === 1 && distinct.has(GOOD_BADGE)
        expect([response.status, passed.length]).toEqual(isGood ? [200, 1] : [401, 0])
      }),
    )
  })

  it('reads Authorization as a badge only where that was said', async () => {
    const bearer = { Authorization: `Bearer ${GOOD_BADGE}` }
    expect((await createWeb({ requireBadge: true, bearerIsBadge: true }).ask(bearer)).status).toBe(200)
    const strict = createWeb({ requireBadge: true })
    expect((await strict.ask(bearer)).status).toBe(401)
    expect(strict.asked).toMatchObject([{ credential: { case: undefined } }])
  })

  it('lets preflights through, and no other method', async () => {
    const { ask, asked } = createWeb({ requireBadge: true })
    expect((await ask({}, { method: 'OPTIONS' })).status).toBe(200)
    expect(asked).toEqual([])
    for (const method of ['GET', 'POST', 'DELETE', 'PUT']) expect((await ask({}, { method })).status).toBe(401)
  })

  it('records the path without its query, and no more of it than fits', async () => {
    const { ask, asked } = createWeb({ requireBadge: true })
    await ask({}, {}, `${AT}?token=secret`)
    await ask({}, {}, `http://127.0.0.1/${'a'.repeat(5_000)}`)
    expect(asked.map(({ endpoint }) => endpoint)).toEqual(['/mcp', `/${'a'.repeat(255)}`])
  })

  it.each(USELESS)(
    'answers 503 when the core %s, and says nothing of the inside',
    async (_what, script, retryAfter) => {
      const { ask, passed } = createWeb({ requireBadge: true }, createGateCore(script))
      const response = await ask({ 'X-Capiscio-Badge': GOOD_BADGE })
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBe(retryAfter)
      expect(response.headers.get('WWW-Authenticate')).toBeNull()
      expect(await response.json()).toEqual({
        error: 'UNDECIDED',
        message: 'Nobody can tell now whether the badge is good. Try again later.',
      })
      expect(passed).toEqual([])
    },
  )

  it('lets nobody through with a client that cannot ask', async () => {
    const core = { client: createScriptedClient(), asked: [] }
    expect((await createWeb({ requireBadge: true }, core).ask({ 'X-Capiscio-Badge': GOOD_BADGE })).status).toBe(503)
  })
})

describe('a gate around a handler with options', () => {
  it('passes them on, and leaves an identity that is among them', async () => {
    const gate = createHttpGate({ client: createGateCore().client, requireBadge: true })
    const seen: unknown[] = []
    const fetch = gate.fetch((_request, options?: { parsedBody?: unknown; authInfo?: unknown }) => {
      seen.push(options)
      return new Response()
    })
    const request = () => new Request(AT, { headers: { 'X-Capiscio-Badge': GOOD_BADGE } })
    await fetch(request(), { parsedBody: 1 })
    await fetch(request(), { authInfo: 'oauth' })
    expect(seen).toEqual([{ parsedBody: 1, authInfo: AUTH_INFO }, { authInfo: 'oauth' }])
  })
})

describe('a gate that requires none', () => {
  it('asks nobody and tells the handler of nobody', async () => {
    const { ask, passed, asked } = createWeb({})
    expect((await ask({ 'X-Capiscio-Badge': GOOD_BADGE })).status).toBe(200)
    expect([passed, asked]).toEqual([[undefined], []])
  })

  it('discloses the server beside what the handler exposes, with the badge that is current now', async () => {
    let badge: string | undefined = 'badge-1'
    const { ask } = createWeb({ identity: { ...IDENTITY, badge: () => badge as string } })
    const first = await ask()
    expect(first.headers.get('Capiscio-Server-DID')).toBe(IDENTITY.did)
    expect(first.headers.get('Capiscio-Server-Badge')).toBe('badge-1')
    expect(first.headers.get('X-Own')).toBe('1')
    expect(first.headers.get('Access-Control-Expose-Headers')).toBe('X-Own, Capiscio-Server-DID, Capiscio-Server-Badge')
    badge = undefined
    expect((await ask()).headers.get('Capiscio-Server-Badge')).toBeNull()
  })

  it('can disclose in an answer that cannot be changed', async () => {
    const gate = createHttpGate({ identity: IDENTITY })
    const answer = await gate.fetch(() => Response.redirect('http://127.0.0.1/elsewhere', 307))(new Request(AT))
    expect([answer.status, answer.headers.get('Capiscio-Server-DID')]).toEqual([307, IDENTITY.did])
  })

  it('serves the discovery document, before any badge is asked for', async () => {
    const at = 'http://127.0.0.1/.well-known/capiscio/mcp-server.json'
    const { ask, asked } = createWeb({ identity: IDENTITY, requireBadge: true })
    const response = await ask({}, { method: 'GET' }, at)
    expect(await response.json()).toEqual({
      server_did: IDENTITY.did,
      server_badge: 'server.badge',
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
    expect(asked).toEqual([])
    expect((await ask({}, { method: 'POST' }, at)).status).toBe(401)
    expect((await createWeb({ requireBadge: true }).ask({}, { method: 'GET' }, at)).status).toBe(401)
  })
})

describe('a gate on Node', () => {
  /** Serves one handler on a free port for as long as `use` runs. */
  async function serving(
    handler: (request: IncomingMessage, response: ServerResponse) => unknown,
    use: (origin: string) => Promise<void>,
  ): Promise<void> {
    const server = createServer(handler)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  it('resolves to whether the server goes on, and leaves the caller in the request', async () => {
    const { client } = createGateCore()
    const gate = createHttpGate({ client, requireBadge: true, identity: IDENTITY })
    await serving(
      async (request, response) => {
        response.setHeader('Access-Control-Expose-Headers', 'Mcp-Session-Id')
        if (await gate.node(request, response)) response.end(JSON.stringify(Reflect.get(request, 'auth')))
      },
      async (origin) => {
        const good = await fetch(`${origin}/mcp`, { headers: { 'X-Capiscio-Badge': GOOD_BADGE } })
        expect(await good.json()).toEqual(AUTH_INFO)
        expect(good.headers.get('Capiscio-Server-Badge')).toBe('server.badge')
        expect(good.headers.get('Access-Control-Expose-Headers')).toBe(
          'Mcp-Session-Id, Capiscio-Server-DID, Capiscio-Server-Badge',
        )
        const none = await fetch(`${origin}/mcp`)
        expect([none.status, none.headers.get('Capiscio-Server-DID')]).toEqual([401, IDENTITY.did])
        expect(none.headers.get('Content-Type')).toBe('application/json')
        const head = await fetch(`${origin}/.well-known/capiscio/mcp-server.json`, { method: 'HEAD' })
        expect([head.status, await head.text()]).toEqual([200, ''])
      },
    )
  })

  it('does not choose between two headers of which Node shows the first', async () => {
    const { client } = createGateCore()
    const gate = createHttpGate({ client, requireBadge: true, bearerIsBadge: true })
    await serving(
      async (request, response) => void ((await gate.node(request, response)) && response.end()),
      async (origin) => {
        const ask = async (...headers: string[]) => {
          const sent = request(origin, { headers: ['Host', 'mcp.example', ...headers] })
          sent.end()
          const [answer] = (await once(sent, 'response')) as [IncomingMessage]
          answer.resume()
          return answer.statusCode
        }
        const good = ['Authorization', `Bearer ${GOOD_BADGE}`]
        const bad = ['Authorization', 'Bearer another.badge.text']
        expect(await ask(...good)).toBe(200)
        expect(await ask(...good, ...bad)).toBe(401)
        expect(await ask(...bad, ...good)).toBe(401)
      },
    )
  })

  it('leaves an identity that was put there before', async () => {
    const { client } = createGateCore()
    const gate = createHttpGate({ client, requireBadge: true })
    const request = { method: 'POST', url: '/mcp', headers: { 'x-capiscio-badge': GOOD_BADGE }, auth: 'oauth' }
    const response = { setHeader: () => undefined, getHeader: () => undefined }
    expect(await gate.node(request as never, response as never)).toBe(true)
    expect(request.auth).toBe('oauth')
  })

  it('hands what goes wrong in an answer to Express', async () => {
    const { client } = createGateCore()
    const gate = createHttpGate({ client, requireBadge: true })
    const failure = new Error('the connection is gone')
    const response = {
      writeHead() {
        throw failure
      },
    }
    const told = await new Promise((resolve) =>
      gate.express({ method: 'POST', url: '/', headers: {} } as never, response as never, resolve),
    )
    expect(told).toBe(failure)
  })
})

describe('createHttpGate', () => {
  it.each([
    { requireBadge: 1 },
    { bearerIsBadge: 'yes' },
    { timeoutMs: -1 },
    { badge: true },
    { identity: { did: 'x' } },
  ])('refuses %o', (options) => {
    expect(() => createHttpGate(options as never)).toThrow(TypeError)
  })
})
