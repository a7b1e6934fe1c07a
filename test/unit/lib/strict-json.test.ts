import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseStrictJsonObject } from '../../../core/src/lib/strict-json.ts'

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' }))
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 2), (value, space) => {
        const text = JSON.stringify(value, null, space)
        expect(parseStrictJsonObject(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  describe('when a name occurs twice', () => {
    it.each([
      ['at the top', '{"a":1,"a":1}'],
      ['deeper', '{"a":{"b":[{"c":1,"d":2,"c":3}]}}'],
      ['in another spelling', '{"a":1,"\\u0061":1}'],
      ['with an escaped quote', '{"a\\"":1,"b":{},"a\\"":1}'],
      ['with an escaped backslash', '{"a\\\\":1,"a\\\\":1}'],
      ['with space before the colon', '{"a" :1,"a"\t\n\r :1}'],
      ['after an inner object with the same name', '{"a":{"a":1},"a":1}'],
      ['being __proto__', '{"__proto__":{},"__proto__":{}}'],
      ['being empty', '{"":1,"":1}'],
    ])('refuses it %s', (_, text) => {
      expect(() => parseStrictJsonObject(text)).toThrow(new SyntaxError('The JSON text repeats a member name'))
    })
  })

  it.each([
    ['in different objects', '{"a":{"a":1},"b":[{"a":1},{"a":1}]}'],
    ['as a name and as a text', '{"a":"a","b":"a","c":["a","a"]}'],
    ['in another case', '{"iss":1,"Iss":2}'],
    ['inside a text that looks like JSON', '{"a":"\\"a\\":1","b":"{\\"b\\":1,\\"b\\":1}"}'],
  ])('lets a name occur twice %s', (_, text) => {
    expect(parseStrictJsonObject(text)).toEqual(JSON.parse(text))
  })

  it('counts depth from the outermost object: 32 levels pass, 33 do not', () => {
    const nested = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    expect(parseStrictJsonObject(nested(32))).toHaveProperty('a')
    expect(() => parseStrictJsonObject(nested(33))).toThrow(SyntaxError)
    const wide = `{"a":[${Array(100).fill('[]').join()}]}`
    expect(parseStrictJsonObject(wide)).toHaveProperty('a')
  })

  it('refuses a million open brackets at once', () => {
    expect(() => parseStrictJsonObject(`{"a":${'['.repeat(1_000_000)}`)).toThrow(SyntaxError)
  })

  it.each([
    ['an array', '[]'],
    ['a text', '"{}"'],
    ['a number', '1'],
    ['null', 'null'],
    ['nothing', ''],
    ['two objects', '{} {}'],
    ['an unfinished object', '{"a":1'],
    ['an unfinished text', '{"a'],
    ['a text that ends in an escape', '{"a\\'],
    ['a bad escape in a name', '{"\\x":1}'],
    ['a trailing comma', '{"a":1,}'],
    ['a comment', '{"a":1/**/}'],
    ['a byte order mark', '\ufeff{}'],
    ['closing brackets only', '}}]]'],
  ])('refuses %s', (_, text) => {
    expect(() => parseStrictJsonObject(text)).toThrow(SyntaxError)
  })

  it.each([
    ['in a text', '{"a":"\\ud800"}'],
    ['in a name', '{"\\udc00":1}'],
    ['unescaped', '{"a":"\ud800"}'],
  ])('refuses half a surrogate pair %s', (_, text) => {
    expect(() => parseStrictJsonObject(text)).toThrow(SyntaxError)
    expect(parseStrictJsonObject('{"a":"\\ud83d\\ude00"}')).toEqual({ a: '😀' })
  })

  it('keeps __proto__ and constructor as members that change nothing else', () => {
    const value = parseStrictJsonObject('{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}}}')
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(value.admin).toBeUndefined()
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  it('only ever throws SyntaxError, and never quotes the text', () => {
    const near = fc
      .tuple(fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 2 }))
      .map(([text, at, put]) => text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1))
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
        try {
          parseStrictJsonObject(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
      }),
      { numRuns: 2000 },
    )
    expect(() => parseStrictJsonObject('{"secret')).not.toThrow(/secret/)
    expect(() => parseStrictJsonObject('{secret}')).not.toThrow(/secret/)
  })
})
