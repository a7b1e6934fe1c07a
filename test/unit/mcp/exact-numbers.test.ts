import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasExactNumbers } from '../../../core/src/mcp/exact-numbers.ts'

describe('hasExactNumbers', () => {
  it.each([
    ...['1', '-0', '9007199254740991', '9007199254740992', '-9007199254740994', '1e21', '1e-400', '1.5e300'],
    ...['0.12345678901234567890', '"9007199254740993"', '{"1e999":"1e999"}', '[100000000000000000000]'],
  ])('takes %s', (text) => {
    expect(hasExactNumbers(text)).toBe(true)
  })

  it.each([
    ...['9007199254740993', '-9007199254740993', '[1,{"a":12345678901234567890}]', '1e999', '{"a":-1e999}'],
    `${'9'.repeat(400)}`,
  ])('refuses %s', (text) => {
    expect(hasExactNumbers(text)).toBe(false)
  })

  it('takes a whole number if and only if it comes out as it went in', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (number) => {
        expect(hasExactNumbers(`[${number}]`)).toBe(BigInt(Number(number)) === number)
      }),
    )
  })
})
