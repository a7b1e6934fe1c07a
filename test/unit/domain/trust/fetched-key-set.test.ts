import { describe, expect, it } from 'vitest'
import { createFetchedIssuerKeys } from '../../../../core/src/domain/trust/fetched-issuer-keys.ts'
import { createFetchedKeySet } from '../../../../core/src/domain/trust/fetched-key-set.ts'
import type { JwksRules } from '../../../../core/src/domain/trust/jwks.ts'
import { encodeBase64url } from '../../../../core/src/lib/base64url.ts'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'
import { createFakeEs256Issuer } from '../../../fakes/es256-issuer.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { createMemoryWeb, JSON_TYPE, type Page } from '../../../fakes/memory-web.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const ISSUER = 'https://registry.example.com'
const JWKS_URL = 'https://keys.example.com/jwks.json'
const MINUTE = 60_000

const [OLD, NEW] = [createFakeIssuer('old', 1).jwk, createFakeIssuer('new', 2).jwk]
const jwksOf = (...keys: object[]): string => JSON.stringify({ keys })
const pageOf = (...keys: object[]): Page => ({ headers: JSON_TYPE, body: jwksOf(...keys) })

function world(first?: Page, rules?: JwksRules) {
  const http = createMemoryWeb()
  const clock = createFixedClock(Date.UTC(2026, 0, 1))
  const events: string[] = []
  const faults: string[] = []
  const set = createFetchedKeySet({
    issuer: ISSUER,
    url: JWKS_URL,
    http,
    clock,
    maxStaleMs: 60 * MINUTE,
    ...(rules !== undefined && { rules }),
    telemetry: {
      issuerKeysFetched: ({ outcome }) => void events.push(outcome),
      fault: ({ where }) => void faults.push(where),
    },
  })
  const publish = (page: Page | undefined): void => {
    if (page === undefined) http.pages.delete(JWKS_URL)
    else http.pages.set(JWKS_URL, page)
  }
  publish(first)
  const current = async (): Promise<string> => (await set.current()).jwks
  const freshened = async (): Promise<string> => (await set.freshened()).jwks
  return { http, clock, events, faults, set, publish, current, freshened, fetches: () => http.requests.length }
}

/** Lets fetches that run behind the back of questions come to their end. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the first question', () => {
  it('fetches from the configured place, within the limits for key sets', async () => {
    const { http, current } = world(pageOf(OLD))
    expect(await current()).toBe(jwksOf(OLD))
    expect(http.requests).toEqual([
      {
        url: JWKS_URL,
        hostFrom: 'operator',
        headers: { accept: 'application/json, application/jwk-set+json' },
        maxBytes: 1024 * 1024,
        timeoutMs: 5_000,
        purpose: 'jwks',
      },
    ])
  })

  it('is one fetch for all who ask at one time', async () => {
    const { http, current, freshened, fetches } = world(pageOf(OLD))
    const open = http.hold()
    const asked = [current(), current(), freshened(), current()]
    open()
    expect(new Set(await Promise.all(asked))).toEqual(new Set([jwksOf(OLD)]))
    expect(fetches()).toBe(1)
  })

  it('cannot be answered while the issuer is away, and fetches again after a pause that grows', async () => {
    const { clock, current, fetches, publish, events } = world()
    await expect(current()).rejects.toBeInstanceOf(SourceUnavailable)
    let expected = 1
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      clock.advance(pauseMs - 1)
      await expect(current()).rejects.toBeInstanceOf(SourceUnavailable)
      expect(fetches()).toBe(expected)
      clock.advance(1)
      await expect(current()).rejects.toBeInstanceOf(SourceUnavailable)
      expect(fetches()).toBe(++expected)
    }
    publish(pageOf(OLD))
    clock.advance(60_000)
    expect(await current()).toBe(jwksOf(OLD))
    expect(events).toEqual([...Array(9).fill('failed'), 'replaced'])
  })
})

describe('a failure after a success', () => {
  it('pauses as briefly as the first one', async () => {
    const { clock, current, fetches, publish } = world()
    for (const pauseMs of [1_000, 2_000, 4_000]) {
      await expect(current()).rejects.toBeInstanceOf(SourceUnavailable)
      clock.advance(pauseMs)
    }
    publish(pageOf(OLD))
    await current()
    publish(undefined)
    clock.advance(10 * MINUTE)
    await current()
    clock.advance(1_000)
    await current()
    await settle()
    expect(fetches()).toBe(6)
  })
})

describe('while only hits occur', () => {
  it('the set is fetched again behind their back from five minutes on', async () => {
    const { clock, current, fetches, publish, events } = world(pageOf(OLD))
    await current()
    publish(pageOf(NEW))
    clock.advance(5 * MINUTE - 1)
    expect(await current()).toBe(jwksOf(OLD))
    await settle()
    expect(fetches()).toBe(1)
    clock.advance(1)
    expect(await current()).toBe(jwksOf(OLD))
    await settle()
    expect(await current()).toBe(jwksOf(NEW))
    expect(fetches()).toBe(2)
    expect(events).toEqual(['replaced', 'replaced'])
  })

  it('the set is as old as the question it answered, not as the answer', async () => {
    const { http, clock, current, fetches } = world(pageOf(OLD))
    const open = http.hold()
    const first = current()
    clock.advance(4_000)
    open()
    await first
    clock.advance(5 * MINUTE - 4_000)
    await current()
    expect(fetches()).toBe(2)
  })

  it('nobody gets a set older than ten minutes without asking first', async () => {
    const { clock, current, publish } = world(pageOf(OLD))
    await current()
    publish(pageOf(NEW))
    clock.advance(10 * MINUTE)
    expect(await current()).toBe(jwksOf(NEW))
  })

  it('an unchanged set keeps its version', async () => {
    const { clock, set, events } = world(pageOf(OLD))
    const before = await set.current()
    clock.advance(10 * MINUTE)
    expect(await set.current()).toEqual(before)
    expect(events).toEqual(['replaced', 'unchanged'])
  })
})

describe('when the issuer rotates its keys', () => {
  it('a new key is found with one fetch, and a key that is gone is gone', async () => {
    const { current, freshened, fetches, publish } = world(pageOf(OLD))
    await current()
    publish(pageOf(NEW))
    expect(await Promise.all([freshened(), freshened(), freshened()])).toEqual(Array(3).fill(jwksOf(NEW)))
    expect(fetches()).toBe(2)
    expect(await current()).toBe(jwksOf(NEW))
  })

  it('a question that joined an earlier fetch does not use up the next one', async () => {
    const { http, current, freshened, fetches, publish } = world(pageOf(OLD))
    const open = http.hold()
    const asked = [current(), freshened()]
    open()
    await Promise.all(asked)
    publish(pageOf(NEW))
    expect(await freshened()).toBe(jwksOf(NEW))
    expect(fetches()).toBe(2)
  })
})

describe('a flood of unknown key ids', () => {
  it('costs one fetch in thirty seconds', async () => {
    const { clock, current, freshened, fetches } = world(pageOf(OLD))
    await current()
    for (let i = 0; i < 1_000; i++) expect(await freshened()).toBe(jwksOf(OLD))
    expect(fetches()).toBe(2)
    clock.advance(29_999)
    for (let i = 0; i < 1_000; i++) await freshened()
    expect(fetches()).toBe(2)
    clock.advance(1)
    for (let i = 0; i < 1_000; i++) await freshened()
    expect(fetches()).toBe(3)
  })

  it('costs one fetch too while the issuer is away, and the last good set is given', async () => {
    const { current, freshened, fetches, publish } = world(pageOf(OLD))
    await current()
    publish(undefined)
    for (let i = 0; i < 1_000; i++) expect(await freshened()).toBe(jwksOf(OLD))
    expect(fetches()).toBe(2)
  })

  it('does not keep those from fetching who find the set too old', async () => {
    const { clock, current, freshened, fetches, publish } = world(pageOf(OLD))
    await freshened()
    publish(pageOf(NEW))
    clock.advance(10 * MINUTE)
    expect(await current()).toBe(jwksOf(NEW))
    expect(fetches()).toBe(2)
  })
})

describe('an answer that is no usable key set', () => {
  const cases: [string, Page | undefined][] = [
    ['no answer', undefined],
    ['a web page', { headers: { 'content-type': 'text/html' }, body: '<html></html>' }],
    ['a key set called a web page', { headers: { 'content-type': 'text/html' }, body: jwksOf(NEW) }],
    ['a key set without type', { body: jwksOf(NEW) }],
    ['a web page called JSON', { headers: JSON_TYPE, body: '<html></html>' }],
    ['half a key set', { headers: JSON_TYPE, body: jwksOf(NEW).slice(0, 40) }],
    ['an empty body', { headers: JSON_TYPE }],
    ['an empty object', { headers: JSON_TYPE, body: '{}' }],
    ['an empty set', pageOf()],
    [
      'a set of weak keys',
      pageOf(
        ...WEAK_KEYS.map((key, index) => ({
          kty: 'OKP',
          crv: 'Ed25519',
          kid: `${index}`,
          x: encodeBase64url(fromHex(key)),
        })),
      ),
    ],
    ['a set of RSA keys', pageOf({ kty: 'RSA', kid: 'r', n: 'AQAB', e: 'AQAB' })],
    [
      'a key set whose text is not UTF-8',
      {
        headers: JSON_TYPE,
        body: Uint8Array.from(jwksOf({ ...NEW, kid: '?' }), (c) => (c === '?' ? 0xff : c.charCodeAt(0))),
      },
    ],
    ['bytes that are no text', { headers: JSON_TYPE, body: Uint8Array.of(0xff, 0xfe) }],
    ['more than a MiB', { headers: JSON_TYPE, body: jwksOf(NEW) + ' '.repeat(1024 * 1024) }],
    ['a key set with status 500', { ...pageOf(NEW), status: 500 }],
    ['a key set with status 203', { ...pageOf(NEW), status: 203 }],
    ['a key set with status 404', { ...pageOf(NEW), status: 404 }],
    ['a redirect', { ...pageOf(NEW), status: 302 }],
  ]

  it.each(cases)('such as %s replaces nothing', async (_what, page) => {
    const { clock, current, set, publish, events, faults } = world(pageOf(OLD))
    await current()
    publish(page)
    clock.advance(10 * MINUTE)
    expect(await current()).toBe(jwksOf(OLD))
    expect(events).toEqual(['replaced', 'failed'])
    expect(faults).toEqual([])
    expect(set.state()).toMatchObject({ keys: 1, stale: true, lastError: expect.stringMatching(/./) })
  })

  it.each(cases)('such as %s is no first set', async (_what, page) => {
    const { current, set } = world(page)
    await expect(current()).rejects.toBeInstanceOf(SourceUnavailable)
    expect(set.state()).toMatchObject({ keys: 0, fetchedAtMs: undefined, stale: true, ageMs: undefined })
  })
})

describe('a set of P-256 keys', () => {
  const { jwk } = createFakeEs256Issuer('p256', 7n)

  it('is usable where ES256 is allowed, and is garbage elsewhere', async () => {
    expect(await world(pageOf(jwk), { allowEs256: true }).current()).toBe(jwksOf(jwk))
    await expect(world(pageOf(jwk)).current()).rejects.toThrow('has no usable key')
  })
})

describe('while the issuer is away', () => {
  it('the last good set is used for an hour and no longer', async () => {
    const { clock, current, publish, set } = world(pageOf(OLD))
    await current()
    publish(undefined)
    clock.advance(60 * MINUTE - 1)
    expect(await current()).toBe(jwksOf(OLD))
    expect(set.state().keys).toBe(1)
    clock.advance(1)
    await expect(current()).rejects.toBeInstanceOf(SourceUnavailable)
    expect(set.state()).toMatchObject({ keys: 0, stale: true })
    clock.advance(60_000)
    publish(pageOf(NEW))
    expect(await current()).toBe(jwksOf(NEW))
    expect(set.state()).toMatchObject({ keys: 1, stale: false, lastError: undefined })
  })

  it('an unknown key id does not bring a set back that is too old', async () => {
    const { clock, current, freshened, publish } = world(pageOf(OLD))
    await current()
    publish(undefined)
    clock.advance(60 * MINUTE)
    await expect(freshened()).rejects.toBeInstanceOf(SourceUnavailable)
  })

  it('nobody waits for it once that is known', async () => {
    const { http, clock, current, fetches, publish } = world(pageOf(OLD))
    await current()
    publish(undefined)
    clock.advance(10 * MINUTE)
    await current()
    clock.advance(5_000)
    const open = http.hold()
    expect(await current()).toBe(jwksOf(OLD))
    expect(fetches()).toBe(3)
    open()
    await settle()
  })
})

describe('a fault of ours', () => {
  it('is reported, fails the fetch and ends nothing', async () => {
    const { http, clock, current, events, faults, set } = world(pageOf(OLD))
    await current()
    http.send = async () => {
      throw new RangeError('NOT FOR OTHERS')
    }
    clock.advance(5 * MINUTE)
    expect(await current()).toBe(jwksOf(OLD))
    await settle()
    expect(faults).toEqual(['issuer_keys'])
    expect(events).toEqual(['replaced', 'failed'])
    expect(set.state().lastError).not.toContain('NOT FOR OTHERS')
  })
})

describe('the state of a set', () => {
  it('says how many keys there are, since when, and whether that is too long ago', async () => {
    const { clock, current, set } = world(pageOf(OLD, NEW))
    await current()
    const fetchedAtMs = clock.nowMs()
    expect(set.state()).toEqual({ keys: 2, fetchedAtMs, lastError: undefined, stale: false, ageMs: 0 })
    clock.advance(10 * MINUTE - 1)
    expect(set.state()).toMatchObject({ keys: 2, fetchedAtMs, stale: false, ageMs: 10 * MINUTE - 1 })
    clock.advance(1)
    expect(set.state()).toMatchObject({ keys: 2, fetchedAtMs, stale: true })
  })
})

describe('the sets of several issuers', () => {
  const SECOND = 'https://second.example.com'

  it('are refreshed together, each when it is due, and their ages are reported', async () => {
    const http = createMemoryWeb()
    const clock = createFixedClock(0)
    const aged: unknown[] = []
    const keys = createFetchedIssuerKeys({
      urls: new Map([
        [ISSUER, JWKS_URL],
        [SECOND, 'https://second.example.com/jwks.json'],
      ]),
      http,
      clock,
      telemetry: { issuerKeysFetched: () => {}, issuerKeysAged: (event) => void aged.push(event), fault: () => {} },
      maxStaleMs: 60 * MINUTE,
    })
    http.pages.set(JWKS_URL, pageOf(OLD))
    await keys.refresh()
    expect(aged).toEqual([{ oldestAgeMs: 0, issuersWithoutKeys: 1 }])
    clock.advance(5_000)
    http.pages.set('https://second.example.com/jwks.json', pageOf(NEW))
    await keys.refresh()
    expect(http.requests).toHaveLength(3)
    expect(aged.at(-1)).toEqual({ oldestAgeMs: 5_000, issuersWithoutKeys: 0 })
    expect([keys.state(ISSUER)?.keys, keys.state(SECOND)?.keys, keys.state('https://c.example.com')]).toEqual([
      1,
      1,
      undefined,
    ])
    await keys.refresh()
    expect(http.requests).toHaveLength(3)
    clock.advance(5 * MINUTE - 5_000)
    await keys.refresh()
    expect(http.requests).toHaveLength(4)
  })
})
