import { describe, expect, it } from 'vitest'
import { isTooDeep, MAX_MESSAGE_DEPTH } from '../../../core/src/mcp/message-depth.ts'

/** An object with that many levels of arrays and objects, itself included. */
function nested(levels: number): object {
  let value: object = {}
  for (let level = 1; level < levels; level += 1) value = level % 2 === 0 ? [1, value] : { a: null, b: value }
  return value
}

describe('isTooDeep', () => {
  it('takes the deepest message that is passed on, and no deeper one', () => {
    expect(isTooDeep(nested(MAX_MESSAGE_DEPTH))).toBe(false)
    expect(isTooDeep(nested(MAX_MESSAGE_DEPTH + 1))).toBe(true)
    expect(isTooDeep(nested(200_000))).toBe(true)
  })

  it('looks into every member', () => {
    expect(isTooDeep({ a: 1, b: [nested(3)], c: nested(MAX_MESSAGE_DEPTH) })).toBe(true)
    expect(isTooDeep({ wide: Array.from({ length: 100_000 }, () => ({})) })).toBe(false)
  })

  it('passes nothing that cannot be written again', () => {
    expect(() => JSON.stringify(nested(MAX_MESSAGE_DEPTH))).not.toThrow()
    expect(() => JSON.stringify(nested(200_000))).toThrow(RangeError)
  })
})
