import { expect, it } from 'vitest'
import { ageOf } from '../../../../core/src/domain/revocation/known-at.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'

const NOW = 1_700_000_000_000

it.each([
  [0, 0],
  [-1, 1],
  [-300_000, 300_000],
  // In the future, but not beyond what clocks may differ.
  [60_000, 0],
  [60_001, Number.POSITIVE_INFINITY],
  [Number.NaN, Number.POSITIVE_INFINITY],
])('what was known %d ms from now by the wall clock is %d ms old', (offset, age) => {
  expect(ageOf({ wallMs: NOW + offset }, createFixedClock(NOW), 60_000)).toBe(age)
})

it('is as old as the monotonic clock says when the wall clock was set back', () => {
  const clock = createFixedClock(NOW)
  const known = { wallMs: NOW, monotonicMs: clock.monotonicMs() }
  clock.advance(290_000)
  clock.setWall(NOW + 10_000)
  expect(ageOf(known, clock, 60_000)).toBe(290_000)
})

it('is as old as the wall clock says when that jumped forward', () => {
  const clock = createFixedClock(NOW)
  const known = { wallMs: NOW, monotonicMs: clock.monotonicMs() }
  clock.setWall(NOW + 31_536_000_000)
  expect(ageOf(known, clock, 60_000)).toBe(31_536_000_000)
})
