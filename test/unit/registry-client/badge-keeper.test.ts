import {
  type BadgeKeeperEvent,
  type BadgeKeeperOptions,
  createBadgeKeeper,
  type IssuedBadge,
  RegistrationError,
} from '@capiscio/proto/registry'
import { afterEach, describe, expect, it } from 'vitest'
import { createKeptTime, settle } from '../../fakes/kept-time.ts'

const START_MS = Date.parse('2026-06-01T12:00:00Z')
const LIFE = 300

type Time = ReturnType<typeof createKeptTime>

const badge = (name: string, fromMs: number, seconds = LIFE): IssuedBadge => ({
  token: name,
  jti: name,
  issuer: 'https://registry.example.com',
  subject: 'did:web:registry.example.com:agents:a',
  level: 1,
  ial: 0,
  issuedAt: Math.floor(fromMs / 1000),
  expiresAt: Math.floor(fromMs / 1000) + seconds,
  confirmedKeyId: undefined,
})

const started: AsyncDisposable[] = []
afterEach(async () => {
  for (const keeper of started.splice(0)) await keeper[Symbol.asyncDispose]()
})

function keep(time: Time, more: Partial<BadgeKeeperOptions> = {}, up = true) {
  const events: BadgeKeeperEvent[] = []
  const asked: number[] = []
  const state = { up, error: undefined as Error | undefined }
  const keeper = createBadgeKeeper({
    async request() {
      asked.push((time.nowMs() - START_MS) / 1000)
      if (!state.up) throw state.error ?? new RegistrationError('REGISTRY_UNREACHABLE', 'The registry is away.')
      return badge(`badge-${asked.length}`, time.nowMs())
    },
    ...{ nowMs: time.nowMs, after: time.after, random: time.random },
    ...more,
  })
  keeper.on((event) => events.push(event))
  started.push(keeper)
  return { keeper, events, asked, state }
}

const types = (events: readonly BadgeKeeperEvent[]) => events.map(({ type }) => type)

describe('a badge keeper', () => {
  it('asks at once, and says so while there is no badge yet', async () => {
    const { keeper, asked } = keep(createKeptTime(START_MS))
    expect(asked).toEqual([0])
    expect(() => keeper.current()).toThrow(expect.objectContaining({ code: 'BADGE_NOT_ISSUED' }))
    await settle()
    expect([keeper.current(), keeper.badge().jti]).toEqual(['badge-1', 'badge-1'])
  })

  it('renews a minute before the end where nothing else is asked for', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, asked } = keep(time)
    await time.pass(239)
    expect(asked).toEqual([0])
    await time.pass(1)
    expect(asked).toEqual([0, 240])
    expect(keeper.current()).toBe('badge-2')
  })

  it('renews as early as it is told, and never in a loop', async () => {
    const time = createKeptTime(START_MS)
    const { asked } = keep(time, { renewBeforeMs: 100_000 })
    await time.pass(401)
    expect(asked).toEqual([0, 200, 400])
    const eager = keep(time, { renewBeforeMs: 10_000_000 })
    const from = eager.asked.length
    await time.pass(300)
    expect(eager.asked.length - from).toBeLessThanOrEqual(2)
  })

  it('spreads renewals by a tenth of the life', async () => {
    const time = createKeptTime(START_MS)
    const { asked } = keep(time, { random: () => 0.999 })
    await time.pass(215)
    expect(asked).toEqual([0, 211])
  })

  it('uses a badge from before until it is time', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, asked } = keep(time, { initial: badge('before', START_MS - 100_000) })
    expect([keeper.current(), asked]).toEqual(['before', []])
    await time.pass(140)
    expect(asked).toEqual([140])
  })

  it('does not use a badge from before that has ended', async () => {
    const { keeper, asked } = keep(createKeptTime(START_MS), { initial: badge('before', START_MS - 400_000) })
    expect(asked).toEqual([0])
    expect(() => keeper.current()).toThrow(expect.objectContaining({ code: 'BADGE_EXPIRED' }))
  })

  it('asks again after failures, later each time, at most every half minute', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, asked, state, events } = keep(time, { random: () => 1 })
    await settle()
    state.up = false
    await time.pass(400)
    const attempts = asked.slice(1)
    const gaps = attempts.map((at, index) => at - (attempts[index - 1] ?? at)).slice(1)
    expect(gaps.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 30])
    expect(Math.max(...gaps)).toBe(30)
    expect(types(events).filter((type) => type === 'expired')).toHaveLength(1)
    state.up = true
    await time.pass(31)
    expect(keeper.current()).toBe(`badge-${asked.length}`)
  })

  it('waits as long as the registry advises, within half a minute', async () => {
    const time = createKeptTime(START_MS)
    const { asked, state } = keep(time)
    await settle()
    state.up = false
    state.error = new RegistrationError('REGISTRY_REFUSED', 'Too many.', { statusCode: 429, retryAfterMs: 20_000 })
    await time.pass(262)
    expect(asked).toEqual([0, 240, 260])
    state.error = new RegistrationError('REGISTRY_REFUSED', 'Too many.', { statusCode: 429, retryAfterMs: 86_400_000 })
    await time.pass(20 + 31)
    expect(asked).toEqual([0, 240, 260, 280, 310])
  })

  it('never gives out an expired badge, and says why there is no other', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, state } = keep(time)
    await settle()
    state.up = false
    await time.pass(297)
    expect(keeper.current()).toBe('badge-1')
    await time.pass(1)
    expect(() => keeper.current()).toThrow(
      expect.objectContaining({ code: 'BADGE_EXPIRED', cause: expect.any(RegistrationError) }),
    )
  })

  it('looks at the clock itself: a machine that slept gets no expired badge', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, asked } = keep(time)
    await settle()
    time.setWall(START_MS + 3_600_000)
    expect(() => keeper.current()).toThrow(expect.objectContaining({ code: 'BADGE_EXPIRED' }))
    await time.pass(11)
    expect(asked).toHaveLength(2)
    expect(keeper.current()).toBe('badge-2')
  })

  it('refuses a badge that has ended by the clock of this machine', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, events } = keep(time, { request: async () => badge('old', START_MS - 400_000) })
    await settle()
    expect(types(events)).toEqual(['failed'])
    expect(() => keeper.current()).toThrow(expect.objectContaining({ code: 'BADGE_NOT_ISSUED' }))
  })

  it('does not ask without pause when its clock is ahead of the registry', async () => {
    const time = createKeptTime(START_MS)
    const asked: number[] = []
    keep(time, {
      async request() {
        asked.push(time.nowMs())
        return badge('near its end', time.nowMs() - 260_000)
      },
    })
    await settle()
    await time.pass(19)
    expect(asked).toHaveLength(1)
    await time.pass(1)
    expect(asked).toHaveLength(2)
  })

  it('lets callers wait for the badge, and tells those who waited too long', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, state } = keep(time, { initial: badge('before', START_MS - 400_000) }, false)
    const early = keeper.get(3_000).catch((error: unknown) => error)
    const patient = keeper.get(60_000)
    await time.pass(3)
    expect(await early).toMatchObject({ code: 'BADGE_EXPIRED' })
    state.up = true
    await time.pass(31)
    expect(await patient).toMatch(/^badge-/)
  })

  it('ends: no more renewals, and whoever waits is told', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, asked } = keep(time)
    const waiting = keep(time, { request: () => new Promise(() => {}) })
    const told = waiting.keeper.get().catch((error: unknown) => error)
    await settle()
    await keeper.stop()
    void waiting.keeper.stop()
    started.length = 0
    expect(await told).toMatchObject({ code: 'KEEPER_STOPPED' })
    await time.pass(400)
    expect(asked).toHaveLength(1)
    expect(() => keeper.current()).toThrow(expect.objectContaining({ code: 'KEEPER_STOPPED' }))
    await expect(keeper.get()).rejects.toMatchObject({ code: 'KEEPER_STOPPED' })
  })

  it('tells nothing of an answer that comes after its end', async () => {
    const answers: ((badge: IssuedBadge) => void)[] = []
    const { keeper, events } = keep(createKeptTime(START_MS), {
      request: () => new Promise((give) => answers.push(give)),
    })
    const stopping = keeper.stop()
    for (const give of answers) give(badge('late', START_MS))
    await stopping
    expect(events).toEqual([])
    expect(() => keeper.current()).toThrow(expect.objectContaining({ code: 'KEEPER_STOPPED' }))
  })

  it('goes on when a listener throws, and stops telling one that left', async () => {
    const time = createKeptTime(START_MS)
    const { keeper, events } = keep(time)
    const told: string[] = []
    const leave = keeper.on(({ type }) => void told.push(type))
    keeper.on(() => {
      throw new Error('a listener')
    })
    await settle()
    leave()
    await time.pass(240)
    expect([types(events), told]).toEqual([['renewed', 'renewed'], ['renewed']])
  })
})
