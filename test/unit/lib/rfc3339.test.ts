import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatRfc3339, parseRfc3339 } from '../../../core/src/lib/rfc3339.ts'

describe('a time of RFC 3339', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2025-12-09T15:05:00Z', 1_765_292_700_000],
    ['2025-12-09t15:05:00z', 1_765_292_700_000],
    ['2025-12-09T16:05:00+01:00', 1_765_292_700_000],
    ['2025-12-09T15:05:00.123456789Z', 1_765_292_700_123],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000],
  ])('%s is read', (text, ms) => expect(parseRfc3339(text)).toBe(ms))

  it('comes back from what is written', () => {
    const year9999 = 253_402_300_799_999
    fc.assert(fc.property(fc.integer({ min: 0, max: year9999 }), (ms) => parseRfc3339(formatRfc3339(ms)) === ms))
  })

  it.each([
    '',
    '2025-12-09',
    '2025-12-09T15:05:00',
    '2025-12-09 15:05:00Z',
    '2025-02-29T00:00:00Z',
    '2025-04-31T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-12-09T25:00:00Z',
    '2025-12-09T15:05:00.Z',
    '2025-12-09T15:05:00Z\n',
    ' 2025-12-09T15:05:00Z',
    '+012025-12-09T15:05:00Z',
    1_765_292_700,
    null,
    undefined,
  ])('%j is none', (text) => expect(parseRfc3339(text)).toBeUndefined())
})
