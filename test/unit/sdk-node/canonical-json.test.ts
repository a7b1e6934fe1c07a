import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { canonicalJson, copyJson, isPlainObject } from '@capiscio/proto/sdk'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sharedVectors } from '../../tools/shared-vectors.ts'

const vectors = sharedVectors('jcs')
if (vectors === undefined) console.log('The RFC 8785 vectors are not beside this checkout: their tests are skipped.')

describe.skipIf(vectors === undefined)('the vectors of RFC 8785', () => {
  const directory = vectors ?? ''
  const cases = vectors === undefined ? [] : readdirSync(join(directory, 'input'))

  test('are all there', () => {
    expect(cases).toHaveLength(6)
  })

  test.each(cases)('hold for %s', (file) => {
    const value: unknown = JSON.parse(readFileSync(join(directory, 'input', file), 'utf8'))
    const expected = readFileSync(join(directory, 'output', file), 'utf8')
    const hex = readFileSync(join(directory, 'outhex', file.replace('.json', '.txt')), 'utf8').replaceAll(/\s/g, '')
    expect(canonicalJson(value)).toBe(expected)
    expect(Buffer.from(canonicalJson(value), 'utf8').toString('hex')).toBe(hex)
  })

  test('hold for 1000 numbers given as bits', () => {
    const lines =
      vectors === undefined ? [] : readFileSync(join(directory, 'es6-numbers-1000.csv'), 'utf8').trim().split('\n')
    for (const line of lines) {
      const [bits = '', text] = line.split(',')
      const value = new DataView(new BigUint64Array([BigInt(`0x${bits}`)]).buffer).getFloat64(0, true)
      expect(canonicalJson(value), line).toBe(text)
    }
    expect(lines).toHaveLength(1000)
  })
})

class Money {
  readonly amount = 1
}

const cyclic: Record<string, unknown> = { a: {} }
cyclic.a = { back: [cyclic] }

describe('a value that JSON cannot hold is refused by its path', () => {
  test.each<[what: string, value: unknown, path: string]>([
    ['undefined', undefined, '$ '],
    ['an undefined member', { a: undefined }, '$.a '],
    ['an undefined entry', [1, undefined], '$[1] '],
    ['a function', { a: { f: () => 1 } }, '$.a.f '],
    ['a toJSON method', { toJSON: () => 'x' }, '$.toJSON '],
    ['a symbol', [Symbol('x')], '$[0] '],
    ['a member named by a symbol', { [Symbol('x')]: 1 }, '$ '],
    ['a BigInt', { n: 1n }, '$.n '],
    ['NaN', { n: Number.NaN }, '$.n '],
    ['infinity', [Number.NEGATIVE_INFINITY], '$[0] '],
    ['a date', { when: new Date(0) }, '$.when is a Date'],
    ['a map', { m: new Map() }, '$.m is a Map'],
    ['a set', new Set(), '$ is a Set'],
    ['bytes', { b: new Uint8Array(1) }, '$.b is a Uint8Array'],
    ['a class instance', { m: new Money() }, '$.m is a Money'],
    ['a boxed string', [Object('x')], '$[0] is a String'],
    ['a regular expression', [/x/], '$[0] is a RegExp'],
    ['an error', [new Error('x')], '$[0] is a Error'],
    ['a promise', { p: Promise.resolve(1) }, '$.p is a Promise'],
    ['an object that inherits members', Object.create({ inherited: 1 }), '$ is a Object'],
    ['an object that inherits from one without prototype', Object.create(Object.create(null)), '$ is a class instance'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    ['a hole', { list: [1, , 3] }, '$.list[1] is a hole'],
    ['a list of holes', new Array(2), '$[0] is a hole'],
    ['a list with a named member', Object.assign([1], { extra: 1 }), '$ is an array with named members'],
    ['an instance of a list class', new (class extends Array {})(), '$ is a'],
    ['a hidden member', Object.defineProperty({}, 'h', { value: 1 }), '$.h is not enumerable'],
    ['a cycle', cyclic, '$.a.back[0] contains itself'],
    ['a lone surrogate', { s: '\ud800' }, '$.s holds a lone surrogate'],
    ['a lone surrogate in a name', { '\udfff': 1 }, '$ has a member whose name'],
    ['a member with an odd name', { 'a b': [undefined] }, '$["a b"][0] '],
  ])('%s', (_what, value, path) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
    expect(() => canonicalJson(value)).toThrow(path)
  })

  test('129 levels, while 128 are fine', () => {
    const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)])
    expect(canonicalJson(nest(128))).toBe(`${'['.repeat(128)}1${']'.repeat(128)}`)
    expect(() => canonicalJson(nest(129))).toThrow('deeper than 128 levels')
  })

  test('with a message that is short however long the names are', () => {
    const value = { ['x'.repeat(10_000)]: { ['y'.repeat(10_000)]: undefined } }
    try {
      canonicalJson(value)
      expect.unreachable()
    } catch (error) {
      expect(String(error).length).toBeLessThan(400)
    }
  })
})

describe('a value that looks odd and is JSON', () => {
  test('is an object without prototype', () => {
    expect(canonicalJson(Object.assign(Object.create(null), { b: 1, a: 2 }))).toBe('{"a":2,"b":1}')
  })

  test('is an object of another realm', () => {
    const foreign: unknown = runInContext('({ list: [1, { x: true }] })', createContext())
    expect(canonicalJson(foreign)).toBe('{"list":[1,{"x":true}]}')
    expect(() => canonicalJson(runInContext('new Date(0)', createContext()))).toThrow('$ is a Date')
    expect(() => canonicalJson(runInContext('new (class extends Array {})()', createContext()))).toThrow(TypeError)
  })

  test('holds the same object twice without a cycle', () => {
    const shared = { x: 1 }
    expect(canonicalJson([shared, shared])).toBe('[{"x":1},{"x":1}]')
  })

  test('has members named like parts of a prototype', () => {
    const value: unknown = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"toString":3}')
    expect(canonicalJson(value)).toBe('{"__proto__":{"polluted":1},"constructor":2,"toString":3}')
    expect(Object.hasOwn({}, 'polluted')).toBe(false)
    expect(Reflect.get(copyJson(value) as object, 'polluted')).toBeUndefined()
  })
})

describe('the copy', () => {
  test('reads every member once', () => {
    const reads: string[] = []
    const value = new Proxy(
      { a: 1, b: [2] },
      {
        get(target, key, receiver) {
          reads.push(String(key))
          return Reflect.get(target, key, receiver)
        },
      },
    )
    expect(copyJson(value)).toEqual({ a: 1, b: [2] })
    expect(reads).toEqual(['a', 'b'])
  })

  test('takes one reading of a getter that changes its mind', () => {
    let reading = 0
    const value = {
      get query() {
        reading += 1
        return reading === 1 ? 'select 1' : 'drop table users'
      },
    }
    expect(copyJson(value)).toEqual({ query: 'select 1' })
    expect(reading).toBe(1)
  })

  test('shares nothing with the original', () => {
    const value = { list: [{ x: 1 }] }
    const copy = copyJson(value)
    value.list[0] = { x: 2 }
    value.list.push({ x: 3 })
    expect(copy).toEqual({ list: [{ x: 1 }] })
  })

  test('holds zero where the original holds negative zero, as its text does', () => {
    expect(Object.is(copyJson(-0), 0)).toBe(true)
  })

  test('equals what its text says, for every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(copyJson(value)).toEqual(JSON.parse(canonicalJson(value)))
      }),
    )
  })
})

test('a plain object is an object literal and nothing else', () => {
  expect([{}, Object.create(null), JSON.parse('{}')].every(isPlainObject)).toBe(true)
  expect(
    [null, [], new Date(), new Money(), () => 1, 'x', Object.create({}), Object.create(class {}.prototype)].some(
      isPlainObject,
    ),
  ).toBe(false)
})
