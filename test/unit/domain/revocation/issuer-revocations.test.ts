import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileRevocationStore } from '../../../../core/src/adapters/revocation/file-revocation-store.ts'
import { StoredRevocationsDamaged } from '../../../../core/src/ports/revocation-store.ts'
import { settled } from '../../../fakes/clocked-timer.ts'
import { json, unreachable } from '../../../fakes/issuer-http.ts'
import {
  badgeId,
  createRevocationWorld,
  inQuestion,
  REVOKED_AGENT,
  type RevocationWorld,
} from '../../../fakes/revocation-world.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const GOOD = { answer: false }
const REVOKED = { answer: true }
const UNKNOWN = 'SourceUnavailable'

const revoke = ({ http, clock }: RevocationWorld, n = 1): void => {
  http.revoked.push({ jti: badgeId(n), atMs: clock.nowMs() })
}

describe('in mode hybrid', () => {
  it('a revoked badge is denied within one sync, although the last live answer said that it was good', async () => {
    const world = createRevocationWorld()
    const { timer, http } = world
    // Live answers count for longer than the interval here, so that only the sync can tell.
    const issuer = await world.open({ statusMaxAgeMs: 300_000 })
    issuer.start()
    await settled()
    await timer.advance(10_000)
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
    revoke(world)
    await timer.advance(19_999)
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
    await timer.advance(1)
    const asked = http.asked.length
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    expect(http.asked).toHaveLength(asked)
  })

  it('a live revocation counts for good, is stored at once, and makes nothing fresh', async () => {
    const world = createRevocationWorld()
    const { http, clock, store } = world
    const issuer = await world.open()
    await issuer.sync?.()
    revoke(world)
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    await settled()
    expect(store.saves).toEqual(['all 0', 'added 1'])
    clock.advance(1_000)
    expect(issuer.list.ageMs()).toBe(1_000)
    http.trouble = unreachable
    const again = await world.open()
    expect(again.list.ageMs()).toBe(1_000)
    expect(await again.standing.isRevoked(inQuestion())).toEqual(REVOKED)
  })

  it('a live revocation before the first sync is stored, and the list stays as unknown as it was', async () => {
    const world = createRevocationWorld()
    revoke(world)
    const issuer = await world.open()
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    await settled()
    world.http.trouble = unreachable
    const again = await world.open()
    expect(again.list.ageMs()).toBeUndefined()
    expect(await again.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    expect(await rejectionOf(again.standing.isRevoked(inQuestion({ jti: badgeId(2) })))).toBe(UNKNOWN)
  })

  it('a live revocation that could not be stored counts, is told as a fault, and is stored with the next sync', async () => {
    const world = createRevocationWorld()
    const { store, events } = world
    const issuer = await world.open()
    await issuer.sync?.()
    revoke(world)
    store.failure = new Error('no space')
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    await settled()
    expect(events).toEqual(['complete', 'fault revocation_store'])
    await issuer.sync?.()
    expect(store.saves).toEqual(['all 0', 'added 1'])
  })

  it('nobody is asked about a badge that is known to be revoked', async () => {
    const world = createRevocationWorld()
    revoke(world)
    const issuer = await world.open()
    await issuer.sync?.()
    const asked = world.http.asked.length
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    expect(world.http.asked).toHaveLength(asked)
  })

  it('the age of an answer is that of the youngest knowledge behind it', async () => {
    const { clock, http, open } = createRevocationWorld()
    const issuer = await open()
    await issuer.standing.isRevoked(inQuestion())
    clock.advance(5_000)
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual({ ...GOOD, ageMs: 5_000 })
    await issuer.sync?.()
    clock.advance(2_000)
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual({ ...GOOD, ageMs: 2_000 })
    expect(http.asked.filter((path) => path.startsWith('/v1/badges'))).toHaveLength(1)
  })

  it('with the issuer down, a list of up to 300 s counts, to the millisecond, for each level its own', async () => {
    const { clock, http, open } = createRevocationWorld()
    const issuer = await open()
    await issuer.sync?.()
    await issuer.standing.isAgentActive(inQuestion())
    http.trouble = unreachable
    clock.advance(300_000)
    for (const level of [1, 2, 3, 4]) {
      expect(await issuer.standing.isRevoked(inQuestion({ level }))).toEqual({ ...GOOD, ageMs: 300_000 })
      expect(await issuer.standing.isAgentActive(inQuestion({ level }))).toEqual({ answer: true, ageMs: 300_000 })
    }
    clock.advance(1)
    for (const level of [2, 3, 4]) {
      expect(await rejectionOf(issuer.standing.isRevoked(inQuestion({ level })))).toBe(UNKNOWN)
      expect(await rejectionOf(issuer.standing.isAgentActive(inQuestion({ level })))).toBe(UNKNOWN)
    }
    const warning = 'STATUS_STALE_AT_LEVEL_1'
    expect(await issuer.standing.isRevoked(inQuestion({ level: 1 }))).toEqual({ ...GOOD, ageMs: 300_001, warning })
    expect(await issuer.standing.isAgentActive(inQuestion({ level: 1 }))).toEqual({
      answer: true,
      ageMs: 300_001,
      warning,
    })
  })

  it('an agent that was never asked about is unknown while the issuer is down', async () => {
    const { http, open } = createRevocationWorld()
    const issuer = await open()
    await issuer.sync?.()
    http.trouble = unreachable
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
    expect(await rejectionOf(issuer.standing.isAgentActive(inQuestion()))).toBe(UNKNOWN)
    expect(await issuer.standing.isAgentActive(inQuestion({ level: 1 }))).toEqual({
      answer: true,
      warning: 'STATUS_STALE_AT_LEVEL_1',
    })
  })

  it('an agent is disabled within the time that live answers count, and enabled again', async () => {
    const { clock, http, open } = createRevocationWorld()
    const issuer = await open()
    expect(await issuer.standing.isAgentActive(inQuestion())).toMatchObject({ answer: true })
    http.agents.set(REVOKED_AGENT, 'suspended')
    clock.advance(30_000)
    expect(await issuer.standing.isAgentActive(inQuestion())).toMatchObject({ answer: true })
    clock.advance(1)
    expect(await issuer.standing.isAgentActive(inQuestion())).toEqual({ answer: false })
    // What was bad last counts while nothing else is known.
    http.trouble = unreachable
    clock.advance(100_000)
    expect(await issuer.standing.isAgentActive(inQuestion())).toEqual({ answer: false })
    http.trouble = undefined
    http.agents.clear()
    clock.advance(2_001)
    expect(await issuer.standing.isAgentActive(inQuestion())).toMatchObject({ answer: true })
  })

  it('a badge that the issuer does not know has no answer, unless a fresh list does not name it', async () => {
    const { clock, http, open } = createRevocationWorld()
    http.badges.add('some other badge')
    const issuer = await open()
    expect(await rejectionOf(issuer.standing.isRevoked(inQuestion()))).toBe(UNKNOWN)
    await issuer.sync?.()
    clock.advance(2_001)
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
  })

  it('a wall clock that was set back does not make old knowledge young', async () => {
    const { clock, http, open } = createRevocationWorld()
    const issuer = await open()
    await issuer.sync?.()
    http.trouble = unreachable
    clock.advance(300_001)
    clock.setWall(clock.nowMs() - 300_001)
    expect(await rejectionOf(issuer.standing.isRevoked(inQuestion()))).toBe(UNKNOWN)
  })

  it('garbage after good data changes nothing but its age', async () => {
    const world = createRevocationWorld()
    const { clock, http, events, timer } = world
    revoke(world)
    const issuer = await world.open()
    issuer.start()
    await settled()
    http.trouble = (path) => (path.startsWith('/v1/revocations') ? json({ revocations: [{}] }) : undefined)
    await timer.advance(100_000)
    expect(events.slice(0, 3)).toEqual(['complete', 'failed', 'failed'])
    expect(issuer.list.ageMs()).toBe(100_000)
    expect(issuer.list.has(badgeId(1))).toBe(true)
    http.trouble = undefined
    clock.advance(0)
    await timer.advance(30_000)
    expect(issuer.list.ageMs()).toBeLessThan(30_000)
  })

  it('remembered knowledge alone answers whoever asks offline, and nobody is asked', async () => {
    const { clock, http, open } = createRevocationWorld()
    const issuer = await open()
    expect(await rejectionOf(issuer.offlineStanding.isRevoked(inQuestion()))).toBe(UNKNOWN)
    await issuer.standing.isRevoked(inQuestion())
    await issuer.standing.isAgentActive(inQuestion())
    const asked = http.asked.length
    clock.advance(300_000)
    expect(await issuer.offlineStanding.isRevoked(inQuestion())).toEqual({ ...GOOD, ageMs: 300_000 })
    expect(await issuer.offlineStanding.isAgentActive(inQuestion())).toEqual({ answer: true, ageMs: 300_000 })
    clock.advance(1)
    expect(await rejectionOf(issuer.offlineStanding.isRevoked(inQuestion()))).toBe(UNKNOWN)
    expect(http.asked).toHaveLength(asked)
  })
})

describe('in mode online', () => {
  it('nothing is synced, and nothing but a live answer or a known revocation counts', async () => {
    const world = createRevocationWorld()
    const { clock, http, timer } = world
    const issuer = await world.open({ mode: 'online' })
    issuer.start()
    await timer.advance(60_000)
    expect(issuer.sync).toBeUndefined()
    expect(http.asked).toEqual([])
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual({ ...GOOD, ageMs: 0 })
    http.trouble = unreachable
    clock.advance(30_001)
    for (const level of [1, 2, 3, 4]) {
      expect(await rejectionOf(issuer.standing.isRevoked(inQuestion({ level })))).toBe(UNKNOWN)
      expect(await rejectionOf(issuer.standing.isAgentActive(inQuestion({ level })))).toBe(UNKNOWN)
    }
  })
})

describe('in mode offline', () => {
  it('a stale list is brought up to date first where the issuer can be reached, and nothing else is asked', async () => {
    const world = createRevocationWorld()
    const { clock, http } = world
    const issuer = await world.open({ mode: 'offline' })
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual({ ...GOOD, ageMs: 0 })
    clock.advance(300_001)
    revoke(world)
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    expect(http.asked.every((path) => path.startsWith('/v1/revocations'))).toBe(true)
    clock.advance(300_001)
    http.trouble = unreachable
    expect(await rejectionOf(issuer.standing.isRevoked(inQuestion({ jti: badgeId(2) })))).toBe(UNKNOWN)
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
  })

  it('without any source only what was stored counts, as old as it is', async () => {
    const world = createRevocationWorld()
    const { clock, store, http } = world
    const before = await world.open()
    revoke(world)
    await before.sync?.()
    const asked = http.asked.length
    const issuer = await world.open({ mode: 'offline', sources: {}, maxStalenessMs: 86_400_000 })
    issuer.start()
    clock.advance(86_400_000)
    expect(issuer.sync).toBeUndefined()
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    expect(await issuer.standing.isRevoked(inQuestion({ jti: badgeId(2) }))).toEqual({ ...GOOD, ageMs: 86_400_000 })
    clock.advance(1)
    expect(await rejectionOf(issuer.standing.isRevoked(inQuestion({ jti: badgeId(2) })))).toBe(UNKNOWN)
    expect(http.asked).toHaveLength(asked)
    expect(store.saves).toHaveLength(1)
  })
})

describe('with a snapshot', () => {
  const snapshot = (said: { text?: string; version: string }) => ({
    path: '/snapshot.json',
    read: async (known?: string) =>
      known === said.version
        ? (undefined as never)
        : { version: said.version, bytes: said.text === undefined ? undefined : new TextEncoder().encode(said.text) },
  })
  const AT = '2025-12-09T15:05:00Z'

  it('says nothing about subjects unless it says so', async () => {
    const { open } = createRevocationWorld()
    const said = { version: '1', text: JSON.stringify({ syncedAt: AT, revocations: [] }) }
    const issuer = await open({ mode: 'offline', sources: { snapshot: snapshot(said) } })
    await issuer.sync?.()
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
    expect(await rejectionOf(issuer.standing.isAgentActive(inQuestion()))).toBe(UNKNOWN)
  })

  it('is followed; a broken or missing one is reported and takes the place of nothing', async () => {
    const { open, events, timer } = createRevocationWorld()
    const said: { version: string; text?: string } = {
      version: '1',
      text: JSON.stringify({ syncedAt: AT, revocations: [{ jti: badgeId(1) }], disabledSubjects: [REVOKED_AGENT] }),
    }
    const issuer = await open({ mode: 'offline', sources: { snapshot: snapshot(said) } })
    issuer.start()
    await settled()
    expect(await issuer.standing.isAgentActive(inQuestion())).toEqual({ answer: false })
    Object.assign(said, { version: '2', text: '{' })
    expect(await rejectionOf(issuer.reread())).toBe('RevocationRefused SNAPSHOT_MALFORMED')
    await timer.advance(30_000)
    delete said.text
    said.version = '3'
    await expect(issuer.reread()).rejects.toThrow('The snapshot /snapshot.json is not there')
    await timer.advance(1_000)
    expect(events).toEqual(['complete', 'failed', 'failed'])
    expect(await issuer.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    // A new one replaces the old one whole.
    Object.assign(said, { version: '4', text: JSON.stringify({ syncedAt: AT, revocations: [], disabledSubjects: [] }) })
    await (await issuer.reread())()
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
    expect(await issuer.standing.isAgentActive(inQuestion())).toMatchObject({ answer: true })
  })

  it('with more ids than are held is refused', async () => {
    const { open } = createRevocationWorld()
    const text = JSON.stringify({ syncedAt: AT, revocations: [1, 2, 3].map((n) => ({ jti: badgeId(n) })) })
    const issuer = await open({
      mode: 'offline',
      sources: { snapshot: snapshot({ version: '1', text }) },
      maxEntries: 2,
    })
    expect(await rejectionOf(issuer.reread())).toBe('RevocationRefused SNAPSHOT_MALFORMED')
  })
})

describe('after a restart', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capiscio-revocations-'))
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('knowledge is as old as it was, and what was stale stays stale until a sync', async () => {
    const world = createRevocationWorld()
    const { clock, http } = world
    revoke(world)
    {
      using store = createFileRevocationStore(folder)
      await (await world.open({ store })).sync?.()
    }
    http.trouble = unreachable
    clock.advance(300_000)
    using store = createFileRevocationStore(folder)
    const again = await world.open({ store })
    expect(again.list.ageMs()).toBe(300_000)
    expect(await again.standing.isRevoked(inQuestion())).toEqual(REVOKED)
    expect(await again.standing.isRevoked(inQuestion({ jti: badgeId(2) }))).toEqual({ ...GOOD, ageMs: 300_000 })
    clock.advance(2_001)
    const other = inQuestion({ jti: badgeId(2) })
    expect(await rejectionOf(again.standing.isRevoked(other))).toBe(UNKNOWN)
    expect(await rejectionOf((await world.open({ store })).standing.isRevoked(other))).toBe(UNKNOWN)
    http.trouble = undefined
    await again.sync?.()
    expect(http.asked.at(-1)).toContain('since=2025-12-09T15%3A04%3A00.000Z')
    expect(await again.standing.isRevoked(other)).toMatchObject({ ageMs: 0 })
  })

  it('of two cores that share a folder the one that takes over writes all that it knows', async () => {
    const world = createRevocationWorld()
    const { clock } = world
    const first = createFileRevocationStore(folder)
    using second = createFileRevocationStore(folder)
    const one = await world.open({ store: first })
    await one.sync?.()
    const other = await world.open({ store: second })
    for (const n of [1, 2]) {
      clock.advance(100_000)
      revoke(world, n)
      await other.sync?.()
      await one.sync?.()
    }
    first[Symbol.dispose]()
    clock.advance(100_000)
    revoke(world, 3)
    await other.sync?.()
    clock.advance(100_000)
    await other.sync?.()
    using third = createFileRevocationStore(folder)
    const again = await world.open({ store: third })
    expect([1, 2, 3].map((n) => again.list.has(badgeId(n)))).toEqual([true, true, true])
    expect(again.list.ageMs()).toBe(0)
  })

  it('damaged knowledge is none, is reported, and recovers by itself', async () => {
    const world = createRevocationWorld()
    const { events, http } = world
    const damaged = {
      ...world.store,
      load: async () => {
        throw new StoredRevocationsDamaged('damaged')
      },
    }
    http.trouble = unreachable
    const issuer = await world.open({ store: damaged })
    expect(events).toEqual(['REVOCATION_CACHE_DAMAGED'])
    expect(issuer.list.ageMs()).toBeUndefined()
    expect(await rejectionOf(issuer.standing.isRevoked(inQuestion()))).toBe(UNKNOWN)
    http.trouble = undefined
    await issuer.sync?.()
    expect(http.asked.at(-1)).toBe('/v1/revocations?limit=2000')
    expect(world.store.saves).toEqual(['all 0'])
  })

  it('an issuer that is down at the start is found when it is back, without a restart', async () => {
    const world = createRevocationWorld()
    const { timer, http, events } = world
    http.trouble = unreachable
    const issuer = await world.open()
    issuer.start()
    await timer.advance(40_000)
    expect(await rejectionOf(issuer.standing.isRevoked(inQuestion()))).toBe(UNKNOWN)
    http.trouble = undefined
    revoke(world, 2)
    await timer.advance(30_000)
    expect(events.at(-1)).toBe('complete')
    expect(await issuer.standing.isRevoked(inQuestion())).toMatchObject(GOOD)
    expect(await issuer.standing.isRevoked(inQuestion({ jti: badgeId(2) }))).toEqual(REVOKED)
  })

  it('a fault of ours in a sync is counted as one, and the next sync comes', async () => {
    const world = createRevocationWorld()
    const { timer, events, store } = world
    const issuer = await world.open()
    store.failure = new Error('no space')
    issuer.start()
    await timer.advance(1_000)
    expect(events).toEqual(['fault revocation_sync', 'failed', 'complete'])
    await issuer.stop()
    await timer.advance(100_000)
    expect(events).toHaveLength(3)
  })
})
