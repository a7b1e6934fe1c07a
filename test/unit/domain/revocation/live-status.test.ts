import { describe, expect, it } from 'vitest'
import { createIssuerApi, IssuerBusy } from '../../../../core/src/domain/revocation/issuer-api.ts'
import { createLiveStatus, statusPath } from '../../../../core/src/domain/revocation/live-status.ts'
import type { OutboundResponse } from '../../../../core/src/ports/outbound-http.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { API, createIssuerHttp, type IssuerHttp, json, raw, unreachable } from '../../../fakes/issuer-http.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const ISSUER = 'https://registry.example.com'
const JTI = '550e8400-e29b-41d4-a716-446655440000'
const DID = 'did:web:registry.example.com:agents:agent-1'

function createWorld({ maxAgeMs = 30_000, maxInFlight = 64 } = {}) {
  const clock = createFixedClock(1_700_000_000_000)
  const http = createIssuerHttp(clock.nowMs)
  const api = createIssuerApi({ http, baseUrl: `${API}/`, timeoutMs: 4_000, maxInFlight })
  const events: string[] = []
  const onAsked = ({ question, outcome }: { question: string; outcome: string }) =>
    void events.push(`${question} ${outcome}`)
  const live = createLiveStatus({ issuer: ISSUER, api, clock, maxAgeMs, maxEntries: 100, onAsked })
  return { clock, http, api, live, events }
}

const answering = (answer: OutboundResponse) => (http: IssuerHttp) => {
  http.trouble = () => answer
}

describe('a question about a badge', () => {
  it('goes to the status of that badge', async () => {
    const { http, live, events } = createWorld()
    expect(await live.badges.ask(JTI)).toMatchObject({ live: 'good', last: { good: true, ageMs: 0 } })
    expect(http.asked).toEqual([`/v1/badges/${JTI}/status`])
    http.revoked.push({ jti: 'b', atMs: 0 })
    expect(await live.badges.ask('b')).toMatchObject({ live: 'bad' })
    expect(events).toEqual(['badge good', 'badge bad'])
  })

  it('takes an answer with more than is needed, and the id in another case', async () => {
    const { http, live } = createWorld()
    answering(
      json({ jti: JTI.toUpperCase(), revoked: false, sub: DID, expires_at: 'x' }, 200, {
        'content-type': 'Application/Problem+JSON; charset=utf-8',
      }),
    )(http)
    expect(await live.badges.ask(JTI)).toMatchObject({ live: 'good' })
  })

  it.each<[string, OutboundResponse]>([
    ['an empty object', json({})],
    ['no revoked', json({ jti: JTI })],
    ['a revoked that is no truth value', json({ jti: JTI, revoked: 'false' })],
    ['a revoked of null', json({ jti: JTI, revoked: null })],
    ['no jti', json({ revoked: false })],
    ['another jti', json({ jti: 'x', revoked: false })],
    ['another jti that is revoked', json({ jti: 'x', revoked: true })],
    ['an unknown badge', json({ error: 'badge_not_found' }, 404)],
    ['an array', json([{ jti: JTI, revoked: false }])],
    [
      'a member twice',
      raw(`{"jti":"${JTI}","revoked":true,"revoked":false}`, 200, { 'content-type': 'application/json' }),
    ],
    ['truncated JSON', raw('{"jti"', 200, { 'content-type': 'application/json' })],
    ['a wrong content type', json({ jti: JTI, revoked: false }, 200, { 'content-type': 'text/html' })],
    [
      'a content type that only begins right',
      json({ jti: JTI, revoked: false }, 200, { 'content-type': 'application/jsonp' }),
    ],
    ['no content type', raw(JSON.stringify({ jti: JTI, revoked: false }))],
    [
      'bytes that are no text',
      { status: 200, headers: new Map([['content-type', 'application/json']]), body: Uint8Array.of(0xff) },
    ],
    ['another success', json({ jti: JTI, revoked: false }, 206)],
    ['status 500', json({ jti: JTI, revoked: false }, 500)],
    ['status 429', json({}, 429)],
  ])('has no answer in %s', async (_, answer) => {
    const { http, live, events } = createWorld()
    answering(answer)(http)
    const reply = await live.badges.ask(JTI)
    expect(reply).toMatchObject({ live: 'failed', cause: { name: 'SourceUnavailable' } })
    expect(reply.last).toBeUndefined()
    expect(events).toEqual(['badge failed'])
  })
})

it('a badge that the issuer does not know is told apart', async () => {
  const { http, live } = createWorld()
  http.badges.add('another')
  expect((await live.badges.ask(JTI)).cause?.message).toBe(`The issuer does not know the badge ${JTI}`)
})

describe('a question about a subject', () => {
  it.each([
    ['active', 'good'],
    ['disabled', 'bad'],
    ['suspended', 'bad'],
    ['enabled', 'bad'],
    ['Active', 'bad'],
    ['', 'bad'],
  ])('that is %j is %s', async (status, expected) => {
    const { http, live } = createWorld()
    http.agents.set(DID, status)
    expect(await live.agents.ask(DID)).toMatchObject({ live: expected })
    expect(http.asked).toEqual([`/v1/agents/${encodeURIComponent(DID)}/status`])
  })

  it('that is not known to the issuer is bad', async () => {
    const { http, live } = createWorld()
    http.unknownAgents.add(DID)
    expect(await live.agents.ask(DID)).toMatchObject({ live: 'bad' })
  })

  it.each<[string, OutboundResponse]>([
    ['an empty object', json({})],
    ['a status that is no text', json({ did: DID, status: true })],
    ['another DID', json({ did: 'did:web:x.example', status: 'active' })],
  ])('has no answer in %s', async (_, answer) => {
    const { http, live } = createWorld()
    answering(answer)(http)
    expect(await live.agents.ask(DID)).toMatchObject({ live: 'failed' })
  })

  it.each([
    ['did:web:registry.example.com:servers:s-1', '/v1/servers/s-1/status'],
    ['did:web:Registry.Example.com:servers:s%20%2F1', '/v1/servers/s%20%2F1/status'],
    // Somebody else's server, not a server, and ids that would leave their place.
    ['did:web:evil.example:servers:s-1', '/v1/agents/did%3Aweb%3Aevil.example%3Aservers%3As-1/status'],
    [
      'did:web:registry.example.com:servers:a:b',
      '/v1/agents/did%3Aweb%3Aregistry.example.com%3Aservers%3Aa%3Ab/status',
    ],
    [
      'did:web:registry.example.com:servers:%3A',
      '/v1/agents/did%3Aweb%3Aregistry.example.com%3Aservers%3A%253A/status',
    ],
    ['did:web:registry.example.com:servers:..', '/v1/agents/did%3Aweb%3Aregistry.example.com%3Aservers%3A../status'],
    [
      'did:web:registry.example.com:servers:%2e%2E',
      '/v1/agents/did%3Aweb%3Aregistry.example.com%3Aservers%3A%252e%252E/status',
    ],
    ['did:web:registry.example.com:servers:', '/v1/agents/did%3Aweb%3Aregistry.example.com%3Aservers%3A/status'],
    [
      'did:web:registry.example.com%3A8443:servers:s',
      '/v1/agents/did%3Aweb%3Aregistry.example.com%253A8443%3Aservers%3As/status',
    ],
    ['did:key:z6Mk', '/v1/agents/did%3Akey%3Az6Mk/status'],
  ])('%s asks %s', (did, path) => expect(statusPath(ISSUER, did)).toBe(path))

  it('asks about a server of an issuer on a port of its own', () => {
    expect(statusPath('https://r.example:8443', 'did:web:r.example%3A8443:servers:s')).toBe('/v1/servers/s/status')
  })
})

describe('live answers', () => {
  it('that are good count for their time, to the millisecond', async () => {
    const { clock, http, live } = createWorld()
    await live.badges.ask(JTI)
    clock.advance(30_000)
    expect(await live.badges.ask(JTI)).toEqual({ live: 'good', last: { good: true, ageMs: 30_000 } })
    expect(http.asked).toHaveLength(1)
    clock.advance(1)
    await live.badges.ask(JTI)
    expect(http.asked).toHaveLength(2)
  })

  it('that are bad, or missing, are asked for again after two seconds', async () => {
    const { clock, http, live } = createWorld()
    http.agents.set(DID, 'disabled')
    await live.agents.ask(DID)
    http.agents.clear()
    clock.advance(2_000)
    expect(await live.agents.ask(DID)).toMatchObject({ live: 'bad' })
    clock.advance(1)
    expect(await live.agents.ask(DID)).toMatchObject({ live: 'good' })

    http.trouble = unreachable
    expect(await live.badges.ask(JTI)).toMatchObject({ live: 'failed' })
    http.trouble = undefined
    clock.advance(2_000)
    expect(await live.badges.ask(JTI)).toMatchObject({ live: 'failed' })
    clock.advance(1)
    expect(await live.badges.ask(JTI)).toMatchObject({ live: 'good' })
  })

  it('are told with the last one when there is none now', async () => {
    const { clock, http, live } = createWorld()
    await live.badges.ask(JTI)
    http.trouble = unreachable
    clock.advance(100_000)
    for (let n = 0; n < 2; n++) {
      expect(await live.badges.ask(JTI)).toMatchObject({ live: 'failed', last: { good: true, ageMs: 100_000 } })
    }
    expect(live.badges.recall(JTI)).toEqual({ live: 'not-asked', last: { good: true, ageMs: 100_000 } })
    expect(live.badges.recall('never asked')).toEqual({ live: 'not-asked' })
  })

  it('come from one question, however many ask at once, and are as old as it', async () => {
    const { clock, http, live } = createWorld()
    let answer = (_: OutboundResponse): void => {}
    http.trouble = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const asking = Array.from({ length: 50 }, () => live.badges.ask(JTI))
    await Promise.resolve()
    clock.advance(3_000)
    answer(json({ jti: JTI, revoked: false }))
    const replies = await Promise.all(asking)
    expect(http.asked).toHaveLength(1)
    expect(new Set(replies.map(({ last }) => last?.ageMs))).toEqual(new Set([3_000]))
    expect(live.badges.statistics()).toEqual({ entries: 1, maxEntries: 100, hits: 0, misses: 50 })
  })

  it('are asked for every time where they count for no time', async () => {
    const { clock, http, live } = createWorld({ maxAgeMs: 0 })
    await live.badges.ask(JTI)
    clock.advance(1)
    await live.badges.ask(JTI)
    expect(http.asked).toHaveLength(2)
  })

  it('are bounded in number, and forgotten on demand', async () => {
    const { http, live } = createWorld()
    for (let n = 0; n < 150; n++) await live.badges.ask(`badge-${n}`)
    expect(live.badges.statistics()).toMatchObject({ entries: 100, maxEntries: 100, misses: 150 })
    expect(live.badges.clear()).toBe(100)
    await live.badges.ask('badge-149')
    expect(http.asked).toHaveLength(151)
  })

  it('do not hide a fault of ours', async () => {
    const { http, live } = createWorld()
    http.trouble = () => {
      throw new Error('a bug')
    }
    expect(await rejectionOf(live.badges.ask(JTI))).toBe('Error')
  })
})

describe('an issuer that is slow', () => {
  it('has a bounded number of questions waiting for it; more have no answer at once', async () => {
    const { http, live } = createWorld({ maxInFlight: 3 })
    const answers: (() => void)[] = []
    http.trouble = (path) =>
      new Promise((resolve) => answers.push(() => resolve(json({ jti: path.split('/')[3], revoked: false }))))
    const waiting = ['a', 'b', 'c'].map((jti) => live.badges.ask(jti))
    expect(await live.badges.ask('d')).toMatchObject({ live: 'failed' })
    expect(http.asked).toHaveLength(3)
    for (const answer of answers) answer()
    expect((await Promise.all(waiting)).map(({ live }) => live)).toEqual(['good', 'good', 'good'])
    http.trouble = undefined
    expect(await live.badges.ask('e')).toMatchObject({ live: 'good' })
  })
})

describe('the API of an issuer', () => {
  it.each([
    [429, '7', 7_000],
    [503, '0', 0],
    [429, '100000', 600_000],
  ])('that answers %d with Retry-After %s asks for a pause of %d ms', async (status, retryAfter, ms) => {
    const { http, api } = createWorld()
    http.trouble = () => json({}, status, { 'retry-after': retryAfter })
    const error = await api.get('/v1/x', { maxBytes: 10, purpose: 'status' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(IssuerBusy)
    expect(error).toMatchObject({ retryAfterMs: ms })
  })

  it('is never asked under another origin', async () => {
    const { http, api } = createWorld()
    const question = { maxBytes: 10, purpose: 'revocations' } as const
    expect(await rejectionOf(api.get('https://evil.example/v1/revocations', question))).toBe('TypeError')
    expect(http.asked).toEqual([])
  })
})
