import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimiter } from '../../../../core/src/domain/registry/rate-limiter.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'

describe('a rate limiter', () => {
  it('lets at most so many events into any window, and every one that it said would come through', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 100 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (waits, events) => {
        const clock = createFixedClock(0)
        const limiter = createRateLimiter({ events, windowMs: 1000 }, clock)
        const passed: number[] = []
        for (const wait of waits) {
          clock.advance(wait)
          const waitMs = limiter.take('a')
          const nowMs = clock.monotonicMs()
          const inWindow = passed.filter((at) => at > nowMs - 1000)
          expect(waitMs === undefined).toBe(inWindow.length < events)
          if (waitMs === undefined) passed.push(nowMs)
          else expect(waitMs).toBe((inWindow[0] ?? 0) + 1000 - nowMs)
        }
      }),
    )
  })

  it('counts keys apart, by a clock that cannot be set', () => {
    const clock = createFixedClock(0)
    const limiter = createRateLimiter({ events: 1, windowMs: 1000 }, clock)
    expect(limiter.take('a')).toBeUndefined()
    expect(limiter.take('b')).toBeUndefined()
    clock.setWall(1e12)
    expect(limiter.take('a')).toBe(1000)
  })

  it('forgets the key that was not seen for longest when there are too many', () => {
    const limiter = createRateLimiter({ events: 1, windowMs: 1000 }, createFixedClock(0), 2)
    for (const key of ['a', 'b', 'c']) expect(limiter.take(key)).toBeUndefined()
    expect(limiter.take('c')).toBe(1000)
    expect(limiter.take('a')).toBeUndefined()
  })

  it('says when a count reaches the limit, within a window', () => {
    const clock = createFixedClock(0)
    const limiter = createRateLimiter({ events: 3, windowMs: 1000 }, clock)
    expect([limiter.count('a'), limiter.count('a')]).toEqual([false, false])
    clock.advance(1000)
    expect([limiter.count('a'), limiter.count('a'), limiter.count('a'), limiter.count('a')]).toEqual([
      false,
      false,
      true,
      true,
    ])
  })
})
