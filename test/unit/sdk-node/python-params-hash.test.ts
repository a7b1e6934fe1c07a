import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { computeParamsHash, computePythonParamsHash } from '../../../sdk-node/src/index.ts'

const VECTORS = join(import.meta.dirname, '..', '..', 'vectors', 'params-hash', 'python.json')
const vectors = JSON.parse(readFileSync(VECTORS, 'utf8')) as { name: string; input: string; hash: string }[]

describe('the hash of older records', () => {
  test.each(vectors)('is met for $name', ({ input, hash: expected }) => {
    expect(computePythonParamsHash(input)).toBe(expected)
  })

  // Spellings that come out the same, and those that do not.
  test.each([
    ['[0.0001]', '[1e-4]', true],
    ['[0.00001]', '[1e-05]', true],
    ['[9007199254740993.0]', '[9007199254740992.0]', true],
    ['[9007199254740993]', '[9007199254740992]', false],
    ['[1e15]', '[1000000000000000.0]', true],
    ['[1.5e3]', '[1500.0]', true],
    ['[-0]', '[0]', true],
    ['[-0.0]', '[0.0]', false],
    ['[1e400]', '[1e500]', true],
    ['[1e400]', '[-1e400]', false],
    ['["\\u0041\\/"]', '["A/"]', true],
    ['{"a":1,"a":2}', '{"a":2}', true],
    ['{"__proto__":1}', '{}', false],
    ['{"aa":1,"a":2}', '{"a":2,"aa":1}', true],
    ['["\\t\\"\\\\"]', '["\\u0009\\u0022\\u005c"]', true],
  ])('for %s and %s: same is %s', (a, b, isSame) => {
    expect(computePythonParamsHash(a) === computePythonParamsHash(b)).toBe(isSame)
  })

  // What Python's json.dumps writes.
  test.each([
    ['[1e400,-1e400]', '[Infinity,-Infinity]'],
    ['[123456789012345678]', '[123456789012345678]'],
    ['[1e22,1e23,123456789.125]', '[1e+22,1e+23,123456789.125]'],
    ['[5e-324,-1.5E-7,0.00012]', '[5e-324,-1.5e-07,0.00012]'],
    ['["\\ud83d"]', '["\\ud83d"]'],
    ['["😀"]', '["\\ud83d\\ude00"]'],
  ])('of %s is that of the text %s', (json, text) => {
    expect(computePythonParamsHash(json)).toBe(`sha256:${hash('sha256', text, 'base64url')}`)
  })

  test('is that of today for arguments of whole numbers and plain text', () => {
    const text = fc.stringMatching(/^[ -~]{0,8}$/)
    const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.integer()))
    fc.assert(
      fc.property(fc.dictionary(text, value), (params) => {
        expect(computePythonParamsHash(JSON.stringify(params))).toBe(computeParamsHash(params))
      }),
    )
  })

  test('takes text only, and JSON only', () => {
    expect(() => Reflect.apply(computePythonParamsHash, undefined, [{ amount: 10 }])).toThrow(TypeError)
    expect(() => computePythonParamsHash('{"a":NaN}')).toThrow(SyntaxError)
  })
})
