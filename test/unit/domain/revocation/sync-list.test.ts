import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FETCH_LIMITS, fetchRevocations } from '../../../../core/src/domain/revocation/fetch-revocations.ts'
import { createIssuerApi } from '../../../../core/src/domain/revocation/issuer-api.ts'
import { emptyRevocationList } from '../../../../core/src/domain/revocation/revocation-list.ts'
import { syncList } from '../../../../core/src/domain/revocation/sync-list.ts'
import type { OutboundResponse } from '../../../../core/src/ports/outbound-http.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { API, createIssuerHttp, json, raw, unreachable } from '../../../fakes/issuer-http.ts'
import { createMemoryRevocationStore } from '../../../fakes/memory-revocation-store.ts'
import { badgeId, REVOCATION_NOW, REVOKING_ISSUER } from '../../../fakes/revocation-world.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const SKEW_MS = 60_000

function createWorld({ maxEntries = 1_000 } = {}) {
  const clock = createFixedClock(REVOCATION_NOW)
  const http = createIssuerHttp(clock.nowMs)
  const api = createIssuerApi({ http, baseUrl: API, timeoutMs: 4_000, maxInFlight: 4 })
  const store = createMemoryRevocationStore()
  const list = emptyRevocationList({ issuer: REVOKING_ISSUER, store, clock, clockSkewMs: SKEW_MS, maxEntries })
  const sync = (limits = FETCH_LIMITS) => syncList({ list, api, clock, clockSkewMs: SKEW_MS, maxEntries, limits })
  const revoke = (...numbers: number[]) => {
    for (const n of numbers) http.revoked.push({ jti: badgeId(n), atMs: clock.nowMs() })
  }
  return { clock, http, api, store, list, sync, revoke }
}

describe('a sync', () => {
  it('asks for everything first, then for what came since the last one, less the skew', async () => {
    const { clock, http, list, sync, revoke } = createWorld()
    revoke(1, 2)
    expect(await sync()).toEqual({ ids: 2 })
    clock.advance(30_000)
    revoke(3)
    expect(await sync()).toEqual({ ids: 3 })
    expect(http.asked).toEqual([
      '/v1/revocations?limit=2000',
      '/v1/revocations?since=2025-12-09T15%3A04%3A00.000Z&limit=2000',
    ])
    expect([1, 2, 3, 4].map((n) => list.has(badgeId(n)))).toEqual([true, true, true, false])
    expect(list.syncedAtMs).toBe(clock.nowMs())
    clock.advance(90_001)
    await sync()
    expect(http.asked.at(-1)).toContain('since=2025-12-09T15%3A04%3A30.000Z')
  })

  it('follows all pages, and is as old as the oldest of them', async () => {
    const { clock, http, list, sync, revoke } = createWorld()
    revoke(...Array.from({ length: 25 }, (_, n) => n))
    http.pageSize = 10
    let requests = 0
    // The issuer's clock stands still for the first page and goes on.
    http.nowMs = () => REVOCATION_NOW + 1_000 * requests++
    clock.advance(5_000)
    expect(await sync()).toEqual({ ids: 25 })
    expect(http.asked.map((path) => new URLSearchParams(path.split('?')[1]).get('cursor'))).toEqual([null, '10', '20'])
    expect(list.syncedAtMs).toBe(REVOCATION_NOW)
    expect(list.ageMs()).toBe(5_000)
  })

  it('is as old as its beginning where the issuer says no time', async () => {
    const { clock, http, list, sync } = createWorld()
    http.trouble = () => {
      clock.advance(2_000)
      return json({ revocations: [] })
    }
    await sync()
    expect(list.ageMs()).toBe(2_000)
  })

  it.each<[string, () => OutboundResponse, string]>([
    ['is out of reach', unreachable, 'SourceUnavailable'],
    ['has no list', () => json({}, 404), 'SourceUnavailable'],
    ['answers 500', () => json({ revocations: [] }, 500), 'SourceUnavailable'],
    ['sends HTML', () => raw('<html>', 200, { 'content-type': 'text/html' }), 'SourceUnavailable'],
    ['cuts its JSON', () => raw('{"revocations":[', 200, { 'content-type': 'application/json' }), 'SourceUnavailable'],
    ['sends an empty object', () => json({}), 'RevocationRefused LIST_MALFORMED'],
    [
      'sends an entry without jti',
      () => json({ revocations: [{ jti: badgeId(9) }, {}] }),
      'RevocationRefused LIST_MALFORMED',
    ],
  ])('moves no time and forgets nothing when the issuer %s on a later page', async (_, trouble, expected) => {
    const { clock, http, list, store, sync, revoke } = createWorld()
    revoke(1)
    await sync()
    clock.advance(100_000)
    http.pageSize = 1
    revoke(2, 3)
    http.trouble = (_path, before) => (before === 3 ? trouble() : undefined)
    expect(await rejectionOf(sync())).toBe(expected)
    expect(list.ageMs()).toBe(100_000)
    expect(list.has(badgeId(1))).toBe(true)
    // Known is known: its page came.
    expect(list.has(badgeId(2))).toBe(true)
    expect(list.has(badgeId(3))).toBe(false)
    expect(list.has(badgeId(9))).toBe(false)
    expect(store.saves).toEqual(['all 1'])

    http.trouble = undefined
    await sync()
    expect(list.ageMs()).toBe(0)
    expect(store.saves).toEqual(['all 1', 'added 2'])
  })

  it('ends where pages repeat or have no end', async () => {
    const { http, sync } = createWorld()
    http.trouble = () => json({ revocations: [], nextCursor: 'again' })
    expect(await rejectionOf(sync())).toBe('RevocationRefused LIST_MALFORMED')
    expect(http.asked).toHaveLength(2)
    http.trouble = (_, before) => json({ revocations: [], nextCursor: `page ${before}` })
    expect(await rejectionOf(sync({ ...FETCH_LIMITS, pages: 7 }))).toBe('RevocationRefused LIST_TOO_LARGE')
    expect(http.asked).toHaveLength(9)
  })

  it('never moves the time back, except out of the future', async () => {
    const { clock, http, list, sync } = createWorld()
    await sync()
    http.nowMs = () => REVOCATION_NOW - 200_000
    clock.advance(10_000)
    await sync()
    expect(list.syncedAtMs).toBe(REVOCATION_NOW)
    // The clock of this machine is set back by an hour: what it wrote lies in the future.
    clock.setWall(REVOCATION_NOW - 3_600_000)
    expect(list.ageMs()).toBe(Number.POSITIVE_INFINITY)
    http.nowMs = clock.nowMs
    await sync()
    expect(list.ageMs()).toBe(0)
  })

  it('from an issuer whose clock is ahead of ours beyond the skew is stale', async () => {
    const { http, list, sync } = createWorld()
    http.nowMs = () => REVOCATION_NOW + SKEW_MS
    await sync()
    expect(list.ageMs()).toBe(0)
    http.nowMs = () => REVOCATION_NOW + SKEW_MS + 1
    await sync()
    expect(list.ageMs()).toBe(Number.POSITIVE_INFINITY)
  })

  it('of a list that is full asks anew for the whole and keeps what is still named', async () => {
    const { clock, http, list, store, sync, revoke } = createWorld({ maxEntries: 3 })
    revoke(1, 2)
    await sync()
    clock.advance(3_600_000)
    http.revoked.splice(0, 1)
    revoke(3, 4)
    expect(await sync()).toEqual({ ids: 3 })
    expect([1, 2, 3, 4].map((n) => list.has(badgeId(n)))).toEqual([false, true, true, true])
    expect(list.ageMs()).toBe(0)
    expect(store.saves).toEqual(['all 2', 'all 3'])
  })

  it('of a list that is too long even then keeps what there was, growing older', async () => {
    const { clock, list, sync, revoke } = createWorld({ maxEntries: 3 })
    revoke(1, 2)
    await sync()
    clock.advance(10_000)
    revoke(3, 4)
    expect(await rejectionOf(sync())).toBe('SourceUnavailable')
    expect([1, 2].map((n) => list.has(badgeId(n)))).toEqual([true, true])
    expect(list.ageMs()).toBe(10_000)
  })

  it('completes nothing when the list was cleared meanwhile', async () => {
    const { http, list, sync, revoke } = createWorld()
    revoke(1)
    await sync()
    http.trouble = () => {
      list.clear()
      return json({ revocations: [], syncedAt: new Date(REVOCATION_NOW).toISOString() })
    }
    expect(await rejectionOf(sync())).toBe('SourceUnavailable')
    expect(list.ageMs()).toBeUndefined()
    http.trouble = undefined
    await sync()
    expect(http.asked.at(-1)).toBe('/v1/revocations?limit=2000')
    expect(list.has(badgeId(1))).toBe(true)
  })

  it('is told when it was read but not stored, and stores everything with the next', async () => {
    const { list, store, sync, revoke } = createWorld()
    await sync()
    revoke(1)
    store.failure = new Error('no space')
    expect(await rejectionOf(sync())).toBe('Error')
    expect(list.has(badgeId(1))).toBe(true)
    revoke(2)
    await sync()
    expect(store.saves).toEqual(['all 0', 'added 2'])
  })
})

it('agrees with a plain model after any sequence of revocations, syncs, pages and failures', async () => {
  const step = fc.oneof(
    fc.record({ revoke: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 12 }) }),
    fc.record({ advance: fc.integer({ min: 1, max: 400_000 }) }),
    fc.record({ pageSize: fc.integer({ min: 1, max: 5 }), failAt: fc.option(fc.nat(6), { nil: undefined }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { clock, http, list, sync, revoke } = createWorld()
      let completeAtMs: number | undefined
      for (const one of steps) {
        if ('revoke' in one) revoke(...one.revoke)
        else if ('advance' in one) clock.advance(one.advance)
        else {
          const first = http.asked.length
          http.pageSize = one.pageSize
          http.trouble = (_, before) => (before - first === one.failAt ? json({}, 500) : undefined)
          const ok = await sync().then(
            () => true,
            () => false,
          )
          if (ok) {
            completeAtMs = clock.nowMs()
            expect(http.revoked.every(({ jti }) => list.has(jti))).toBe(true)
          }
        }
        const age = completeAtMs === undefined ? undefined : clock.nowMs() - completeAtMs
        expect(list.ageMs()).toBe(age)
        const named = new Set(http.revoked.map(({ jti }) => jti))
        for (let n = 0; n <= 60; n++) if (!named.has(badgeId(n))) expect(list.has(badgeId(n))).toBe(false)
      }
    }),
    { numRuns: 60 },
  )
})

it('hands over each page before it asks for the next', async () => {
  const { http, api, revoke } = createWorld()
  revoke(1, 2)
  http.pageSize = 1
  const order: string[] = []
  http.trouble = (path) => void order.push(path.includes('cursor') ? 'page 2' : 'page 1')
  await fetchRevocations(api, (ids) => void order.push(ids.join()), { limits: FETCH_LIMITS })
  expect(order).toEqual(['page 1', badgeId(1), 'page 2', badgeId(2)])
})
