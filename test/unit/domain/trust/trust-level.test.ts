import { describe, expect, it } from 'vitest'
import { parseTrustLevel } from '../../../../core/src/domain/trust/trust-level.ts'

describe('a trust level', () => {
  it('is one of the texts 0 to 4', () => {
    expect(['0', '1', '2', '3', '4'].map(parseTrustLevel)).toEqual([0, 1, 2, 3, 4])
  })

  it.each([
    '5',
    '-1',
    '',
    ' 2',
    '2 ',
    '02',
    '2.0',
    '+2',
    '٢',
    '0x2',
    2,
    0,
    true,
    null,
    undefined,
    ['2'],
    '__proto__',
    'size',
  ])('is not %j', (value) => {
    expect(parseTrustLevel(value)).toBeUndefined()
  })
})
