import { describe, expect, it } from 'vitest'
import { createOriginBreakers } from '../../../../core/src/adapters/http/origin-breakers.ts'
import { parseRetryAfter } from '../../../../core/src/adapters/http/retry-after.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { startHttp, startTcp } from '../../../fakes/https-server.ts'
import { createTestOutbound, PUBLIC_ADDRESS } from '../../../fakes/test-outbound.ts'

const LIMITS = { failures: 3, firstPauseMs: 1_000, maxPauseMs: 30_000, origins: 10 }

function breakers(random = 255, limits = LIMITS) {
  const clock = createFixedClock(0)
  const { enter } = createOriginBreakers(limits, clock, { bytes: () => Uint8Array.of(random) })
  const isLeftAlone = (origin = 'a'): boolean => {
    try {
      enter(origin).undecided()
      return false
    } catch (failure) {
      expect(failure).toMatchObject({ outcome: 'left_alone' })
      return true
    }
  }
  const fail = (times: number, origin = 'a'): void => {
    for (let i = 0; i < times; i++) enter(origin).failed(0)
  }
  return { clock, enter, isLeftAlone, fail }
}

describe('an origin', () => {
  it('is left alone after three failures in a row, not after two', () => {
    const { isLeftAlone, fail } = breakers()
    fail(2)
    expect(isLeftAlone()).toBe(false)
    fail(1)
    expect(isLeftAlone()).toBe(true)
    expect(isLeftAlone('b')).toBe(false)
  })

  it('starts from nothing after a success', () => {
    const { enter, isLeftAlone, fail } = breakers()
    fail(2)
    enter('a').succeeded()
    fail(2)
    expect(isLeftAlone()).toBe(false)
  })

  it('is asked by one request when the pause is over, whose success lets all pass', () => {
    const { clock, enter, isLeftAlone, fail } = breakers()
    fail(3)
    clock.advance(999)
    expect(isLeftAlone()).toBe(true)
    clock.advance(1)
    const probe = enter('a')
    expect(isLeftAlone()).toBe(true)
    probe.succeeded()
    const other = enter('a')
    expect(isLeftAlone()).toBe(false)
    other.succeeded()
    fail(2)
    expect(isLeftAlone()).toBe(false)
  })

  it('is left alone twice as long after each failed probe, up to the longest pause', () => {
    const { clock, enter, isLeftAlone, fail } = breakers()
    fail(3)
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      clock.advance(pauseMs - 1)
      expect(isLeftAlone(), String(pauseMs)).toBe(true)
      clock.advance(1)
      enter('a').failed(0)
    }
  })

  it('is probed again when a probe proved nothing', () => {
    const { clock, enter, isLeftAlone, fail } = breakers()
    fail(3)
    clock.advance(1_000)
    enter('a').undecided()
    const probe = enter('a')
    expect(isLeftAlone()).toBe(true)
    probe.failed(0)
    expect(isLeftAlone()).toBe(true)
  })

  it.each([
    [0, 500],
    [255, 1_000],
  ])('with random byte %i is left alone for %i ms: between half of the pause and the whole', (random, pauseMs) => {
    const { clock, isLeftAlone, fail } = breakers(random)
    fail(3)
    clock.advance(pauseMs - 1)
    expect(isLeftAlone()).toBe(true)
    clock.advance(1)
    expect(isLeftAlone()).toBe(false)
  })

  it('is left alone at once for as long as it asks for', () => {
    const { clock, enter, isLeftAlone } = breakers()
    enter('a').failed(7_000)
    clock.advance(6_999)
    expect(isLeftAlone()).toBe(true)
    clock.advance(1)
    expect(isLeftAlone()).toBe(false)
  })

  it('is not asked earlier because a request that began before failed without asking for a pause', () => {
    const { clock, enter, isLeftAlone } = breakers()
    const slow = [enter('a'), enter('a'), enter('a')]
    enter('a').failed(7_000)
    for (const request of slow) request.failed(0)
    clock.advance(6_999)
    expect(isLeftAlone()).toBe(true)
  })

  it('is forgotten when it was asked longest ago and too many are remembered', () => {
    const { isLeftAlone, fail } = breakers(255, { ...LIMITS, origins: 2 })
    fail(3, 'a')
    fail(3, 'b')
    expect(isLeftAlone('a')).toBe(true)
    fail(1, 'c')
    expect(isLeftAlone('a')).toBe(true)
    expect(isLeftAlone('b')).toBe(false)
  })
})

describe('Retry-After', () => {
  const NOW = Date.UTC(2026, 0, 1)

  it.each([
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['7', 7_000],
    ['300', 300_000],
    ['301', 300_000],
    ['9999999999', 300_000],
    ['99999999999', 0],
    ['-5', 0],
    ['1.5', 0],
    ['1e3', 0],
    ['soon', 0],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9_000],
    ['Thu, 01 Jan 2026 01:00:00 GMT', 300_000],
    ['Wed, 31 Dec 2025 23:59:59 GMT', 0],
    ['Thu, 41 Jan 2026 00:00:09 GMT', 0],
    ['2026-01-01T00:00:09Z', 0],
  ])('%j waits %i ms', (value, waitMs) => {
    expect(parseRetryAfter(value, NOW)).toBe(waitMs)
  })
})

describe('a server', () => {
  const serve = (status: number, headers: Record<string, string> = {}) =>
    startHttp((_request, response) => response.writeHead(status, headers).end())

  it.each([500, 502, 503, 429])('that answers %i three times is not asked a fourth time', async (status) => {
    const server = await serve(status)
    const outbound = createTestOutbound()
    const ask = () => outbound.ask({ url: `http://127.0.0.1:${server.port}/` })
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([status, status, status, 'left_alone'])
    expect(server.requests).toHaveLength(3)
    outbound.clock.advance(1_000)
    expect(await ask()).toBe(status)
    expect(await ask()).toBe('left_alone')
    expect(outbound.outcomes.at(-1)).toBe('left_alone')
  })

  it.each([400, 401, 403, 404, 304])('that answers %i works', async (status) => {
    const server = await serve(status)
    const outbound = createTestOutbound()
    for (let i = 0; i < 5; i++) expect(await outbound.ask({ url: `http://127.0.0.1:${server.port}/` })).toBe(status)
  })

  it('that redirects or answers too much works: its other documents may be good', async () => {
    const server = await startHttp((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/' }).end()
      else if (request.url === '/br') response.writeHead(200, { 'content-encoding': 'br' }).end('x')
      else response.end('large')
    })
    const outbound = createTestOutbound()
    const ask = (path: string) => outbound.ask({ url: `http://127.0.0.1:${server.port}${path}`, maxBytes: 4 })
    for (let i = 0; i < 4; i++) {
      expect(await ask('/moved')).toBe('redirect')
      expect(await ask('/br')).toBe('encoding')
      expect(await ask('/')).toBe('too_large')
    }
  })

  it('that redirects in between has not failed three times in a row', async () => {
    const script = [500, 500, 302, 500, 500]
    const server = await startHttp((_request, response) => response.writeHead(script.shift() ?? 200).end())
    const outbound = createTestOutbound()
    const ends: unknown[] = []
    for (let i = 0; i < 6; i++) ends.push(await outbound.ask({ url: `http://127.0.0.1:${server.port}/` }))
    expect(ends).toEqual([500, 500, 'redirect', 500, 500, 200])
  })

  it.each([
    ['tls', 'https'],
    ['broken', 'http'],
  ])('that is %s three times is left alone', async (outcome, scheme) => {
    const server = await startTcp((socket) => socket.once('data', () => socket.end()))
    const outbound = createTestOutbound()
    const ask = () => outbound.ask({ url: `${scheme}://127.0.0.1:${server.port}/` })
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([outcome, outcome, outcome, 'left_alone'])
    expect(server.connections).toBe(3)
  })

  it('that says Retry-After is left alone after one answer', async () => {
    const server = await serve(429, { 'retry-after': '7' })
    const outbound = createTestOutbound()
    const ask = () => outbound.ask({ url: `http://127.0.0.1:${server.port}/` })
    expect([await ask(), await ask()]).toEqual([429, 'left_alone'])
    outbound.clock.advance(7_000)
    expect(await ask()).toBe(429)
    expect(server.requests).toHaveLength(2)
  })

  it('that cannot be reached three times is left alone', async () => {
    const outbound = createTestOutbound()
    const ask = () => outbound.ask({ url: 'http://127.0.0.1:1/' })
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
      'unreachable',
      'unreachable',
      'unreachable',
      'left_alone',
    ])
    expect(outbound.dialed).toHaveLength(3)
  })

  it.each([
    ['unresolved', 'https://registry.example.com/'],
    ['timeout', 'https://silent.example.com/'],
  ])('that is %s three times is left alone', async (outcome, url) => {
    const outbound = createTestOutbound({ limits: { connectTimeoutMs: 30 } })
    const find = outbound.names.get.bind(outbound.names)
    outbound.names.get = (name) => (name === 'silent.example.com' ? (new Promise(() => {}) as never) : find(name))
    for (let i = 0; i < 3; i++) expect(await outbound.ask({ url })).toBe(outcome)
    expect(await outbound.ask({ url })).toBe('left_alone')
  })

  it('with a forbidden address is told so again and again', async () => {
    const outbound = createTestOutbound()
    outbound.names.set('a.example.com.', [PUBLIC_ADDRESS, '10.0.0.1'])
    for (let i = 0; i < 5; i++) {
      expect(await outbound.ask({ url: 'https://a.example.com/', hostFrom: 'input' })).toBe('forbidden')
    }
  })

  it('that strangers name does not take the same server of the operator along', async () => {
    const outbound = createTestOutbound()
    const url = 'https://a.example.com/'
    for (let i = 0; i < 3; i++) expect(await outbound.ask({ url, hostFrom: 'input' })).toBe('unresolved')
    expect(await outbound.ask({ url, hostFrom: 'input' })).toBe('left_alone')
    expect(await outbound.ask({ url, hostFrom: 'operator' })).toBe('unresolved')
  })
})
