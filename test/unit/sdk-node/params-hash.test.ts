import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { computeParamsHash } from '../../../sdk-node/src/params-hash.ts'

const VECTORS = join(import.meta.dirname, '..', '..', 'vectors', 'params-hash')

interface Golden {
  readonly name: string
  readonly input: string
  readonly hash: string
}

interface Refused {
  readonly name: string
  readonly input: string
  readonly path: string
}

function read<T>(file: string): T[] {
  return JSON.parse(readFileSync(join(VECTORS, file), 'utf8'))
}

describe('the published hashes', () => {
  test.each(read<Golden>('golden.json'))('hold for $name', ({ input, hash }) => {
    expect(computeParamsHash(JSON.parse(input))).toBe(hash)
  })

  test.each(read<Refused>('refused.json'))('exist not for $name', ({ input, path }) => {
    const refusal = (): string => computeParamsHash(JSON.parse(input))
    expect(refusal).toThrow(TypeError)
    expect(refusal).toThrow(`${path} `)
  })
})

describe('the hash', () => {
  test('has 50 characters of a fixed alphabet for every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(computeParamsHash(value)).toMatch(/^sha256:[A-Za-z0-9_-]{43}$/)
      }),
    )
  })

  test('does not depend on the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (members) => {
        const reversed = Object.fromEntries(Object.entries(members).reverse())
        expect(computeParamsHash(reversed)).toBe(computeParamsHash(members))
      }),
    )
  })

  test('depends on the order of list entries', () => {
    expect(computeParamsHash([1, 2])).not.toBe(computeParamsHash([2, 1]))
  })

  test('tells text from number', () => {
    expect(computeParamsHash({ id: '1' })).not.toBe(computeParamsHash({ id: 1 }))
  })

  test('is refused where there is nothing to hash', () => {
    expect(() => computeParamsHash(undefined)).toThrow(TypeError)
  })
})
