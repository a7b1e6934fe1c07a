import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../core/src/lib/crc32c.ts'
import { crc32c as bitwise } from '../../tools/check-log.ts'

describe('crc32c', () => {
  it.each([
    ['nothing', new Uint8Array(0), 0],
    ['the check string', new TextEncoder().encode('123456789'), 0xe3069283],
    ['32 zeros (RFC 3720 B.4)', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 ascending bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 descending bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])('of %s is the published value', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  it('equals the bit by bit definition at every length and alignment', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(16), (bytes, skip) => {
        expect(crc32c(bytes.subarray(skip))).toBe(bitwise(bytes.subarray(skip)))
      }),
    )
  })
})
