import { describe, expect, it } from 'vitest'
import { checkTimes } from '../../../../core/src/domain/badge/badge-times.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const NOW = 1_733_788_800
const SKEW_MS = 60_000

const timely = { issuedAt: NOW - 100, expiresAt: NOW + 100, notBefore: undefined }

const at = (change: Partial<Parameters<typeof checkTimes>[0]>, nowMs = NOW * 1000, skewMs = SKEW_MS) =>
  refusalOf(() => checkTimes({ ...timely, ...change }, nowMs, skewMs))

const PASSES = { returned: undefined }
const EXPIRED = 'BadgeRefused BADGE_EXPIRED'
const NOT_YET = 'BadgeRefused BADGE_NOT_YET_VALID'

describe('the times of a badge, with 60 seconds of tolerance', () => {
  it.each([
    [{ expiresAt: NOW - 59 }, PASSES],
    [{ expiresAt: NOW - 60 }, EXPIRED],
    [{ expiresAt: NOW - 61 }, EXPIRED],
    [{ issuedAt: NOW + 60 }, PASSES],
    [{ issuedAt: NOW + 61 }, NOT_YET],
    [{ notBefore: NOW + 60 }, PASSES],
    [{ notBefore: NOW + 61 }, NOT_YET],
    [{ notBefore: 0 }, PASSES],
  ])('%j: %j', (change, result) => {
    expect(at(change)).toEqual(result)
  })

  it('are exact to the millisecond', () => {
    expect(at({ expiresAt: NOW }, NOW * 1000 + 59_999)).toEqual(PASSES)
    expect(at({ expiresAt: NOW }, NOW * 1000 + 60_000)).toBe(EXPIRED)
    expect(at({ issuedAt: NOW }, NOW * 1000 - 60_000)).toEqual(PASSES)
    expect(at({ issuedAt: NOW }, NOW * 1000 - 60_001)).toBe(NOT_YET)
  })

  it('have no tolerance when none is given', () => {
    expect(at({ expiresAt: NOW + 1 }, NOW * 1000, 0)).toEqual(PASSES)
    expect(at({ expiresAt: NOW }, NOW * 1000, 0)).toBe(EXPIRED)
    expect(at({ issuedAt: NOW }, NOW * 1000, 0)).toEqual(PASSES)
    expect(at({ issuedAt: NOW + 1 }, NOW * 1000, 0)).toBe(NOT_YET)
  })

  it('are judged with the end first', () => {
    expect(at({ expiresAt: NOW - 60, issuedAt: NOW + 61 })).toBe(EXPIRED)
  })

  it('fail when the clock gives no time', () => {
    expect(at({}, Number.NaN)).toBe(EXPIRED)
  })

  it('are named in the refusal', () => {
    expect(() => checkTimes({ ...timely, expiresAt: NOW - 60 }, NOW * 1000, SKEW_MS)).toThrow(
      'The badge expired at 2024-12-09T23:59:00Z: get a new one.',
    )
    const last = { ...timely, notBefore: 253_402_300_799 }
    expect(() => checkTimes(last, NOW * 1000, SKEW_MS)).toThrow('The badge is not valid before 9999-12-31T23:59:59Z.')
  })
})
