import { describe, expect, it } from 'vitest'
import {
  type LiveAnswer,
  type RememberedAnswer,
  type StatusMode,
  type StatusTolerance,
  statusVerdict,
} from '../../../../core/src/domain/revocation/status-verdict.ts'

const STRICT: StatusTolerance = { staleAtLevelOne: true, failOpen: false }

const judge = (
  mode: StatusMode,
  live: LiveAnswer,
  remembered: RememberedAnswer,
  level: number,
  { badIsFinal = true, ...tolerance }: Partial<StatusTolerance> & { badIsFinal?: boolean } = {},
) => statusVerdict({ mode, level, live, remembered, badIsFinal }, { ...STRICT, ...tolerance })

/** Level 1, level 2 to 4, and with failOpen, as the rows of badges.md §9.2 have them. */
type Row = readonly [StatusMode, LiveAnswer, RememberedAnswer, levelOne: string, higher: string, failOpen: string]

const STALE = 'STATUS_STALE_AT_LEVEL_1'
const OPEN = 'STATUS_FAIL_OPEN'

const MATRIX: readonly Row[] = [
  ['online', 'failed', 'none', 'unknown', 'unknown', OPEN],
  ['online', 'failed', 'stale', 'unknown', 'unknown', OPEN],
  // Online relies on nothing remembered, however fresh.
  ['online', 'failed', 'good', 'unknown', 'unknown', OPEN],
  ['online', 'good', 'none', 'good', 'good', 'good'],
  ['online', 'good', 'stale', 'good', 'good', 'good'],
  ['online', 'bad', 'good', 'bad', 'bad', 'bad'],
  ['hybrid', 'failed', 'good', 'good', 'good', 'good'],
  ['hybrid', 'failed', 'stale', STALE, 'unknown', OPEN],
  ['hybrid', 'failed', 'none', STALE, 'unknown', OPEN],
  ['hybrid', 'good', 'none', 'good', 'good', 'good'],
  ['hybrid', 'good', 'stale', 'good', 'good', 'good'],
  ['hybrid', 'bad', 'good', 'bad', 'bad', 'bad'],
  ['offline', 'not-asked', 'good', 'good', 'good', 'good'],
  ['offline', 'not-asked', 'stale', STALE, 'unknown', OPEN],
  ['offline', 'not-asked', 'none', STALE, 'unknown', OPEN],
]

describe.each(MATRIX)('%s, live %s, remembered %s', (mode, live, remembered, levelOne, higher, failOpen) => {
  it(`is ${levelOne} at level 1`, () => expect(judge(mode, live, remembered, 1)).toBe(levelOne))

  it.each([2, 3, 4])(`is ${higher} at level %d`, (level) => expect(judge(mode, live, remembered, level)).toBe(higher))

  it.each([1, 2, 3, 4])(`is ${failOpen} at level %d where failing open is permitted`, (level) =>
    expect(judge(mode, live, remembered, level, { failOpen: true })).toBe(failOpen),
  )

  it('denies level 1 as it denies the others where the operator says so', () =>
    expect(judge(mode, live, remembered, 1, { staleAtLevelOne: false })).toBe(higher))

  it('does not matter at level 0, which has nobody to ask', () => expect(judge(mode, live, remembered, 0)).toBe('good'))
})

describe('a bad answer that is remembered', () => {
  const situations = (['online', 'hybrid', 'offline'] as const).flatMap((mode) =>
    (['good', 'bad', 'failed', 'not-asked'] as const).map((live) => [mode, live] as const),
  )

  it.each(situations)('is final for a revocation: %s, live %s', (mode, live) => {
    for (const level of [1, 2, 3, 4]) {
      for (const failOpen of [true, false]) expect(judge(mode, live, 'bad', level, { failOpen })).toBe('bad')
    }
  })

  it.each(situations)('of an agent holds until the issuer says otherwise: %s, live %s', (mode, live) => {
    const expected = live === 'good' ? 'good' : 'bad'
    expect(judge(mode, live, 'bad', 2, { badIsFinal: false, failOpen: true })).toBe(expected)
  })
})

it('takes a level that does not exist for one that needs an answer', () => {
  expect(judge('hybrid', 'failed', 'stale', 1.5)).toBe('unknown')
  expect(judge('hybrid', 'failed', 'stale', Number.NaN)).toBe('unknown')
})
