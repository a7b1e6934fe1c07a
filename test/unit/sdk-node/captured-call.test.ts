import { describe, expect, test } from 'vitest'
import { captureCall } from '../../../sdk-node/src/captured-call.ts'

describe('without a selector all arguments are hashed', () => {
  test.each<[what: string, args: unknown[], params: unknown]>([
    ['no argument as {}', [], {}],
    ['only undefined as no argument', [undefined, undefined], {}],
    ['one plain object as itself', [{ query: 'x' }], { query: 'x' }],
    ['one plain object and a left-out one as the first', [{ query: 'x' }, undefined], { query: 'x' }],
    ['one text as a list', ['x'], { args: ['x'] }],
    ['null as a list', [null], { args: [null] }],
    ['one list as a list of a list', [['x']], { args: [['x']] }],
    ['two objects as a list', [{ a: 1 }, { b: 2 }], { args: [{ a: 1 }, { b: 2 }] }],
  ])('%s', (_what, args, params) => {
    expect(captureCall(args).params).toEqual(params)
  })

  test('an argument that is not JSON is refused by its place', () => {
    expect(() => captureCall(['x', { when: new Date() }])).toThrow('arguments[1].when is a Date')
    expect(() => captureCall([undefined, 'x'])).toThrow('arguments[0] is undefined')
  })

  test('the handler is given copies', () => {
    const original = { list: [1] }
    const call = captureCall([original, 'x'])
    original.list.push(2)
    expect(call.args).toEqual([{ list: [1] }, 'x'])
    expect(call.params).toEqual({ args: [{ list: [1] }, 'x'] })
  })
})

describe('with a selector', () => {
  const context = { signal: new AbortController().signal, log: () => {} }

  test('only the chosen argument is hashed and copied', () => {
    const args = { query: 'x' }
    const call = captureCall([args, context], (first: unknown) => first)
    expect(call.params).toEqual({ query: 'x' })
    expect(call.args[0]).toEqual(args)
    expect(call.args[0]).not.toBe(args)
    expect(call.args[1]).toBe(context)
  })

  test('a list chooses several', () => {
    const call = captureCall(['users', { limit: 1 }, context], (table: unknown, options: unknown) => [table, options])
    expect(call.params).toEqual({ args: ['users', { limit: 1 }] })
    expect(call.args[2]).toBe(context)
  })

  test('a list of one is the same as the one', () => {
    expect(captureCall([{ a: 1 }, context], (first: unknown) => [first]).params).toEqual({ a: 1 })
  })

  test('a list that is itself an argument is one argument', () => {
    expect(captureCall([['a', 'b'], context], (first: unknown) => first).params).toEqual({ args: [['a', 'b']] })
  })

  test('undefined chooses nothing', () => {
    const call = captureCall([context], () => undefined)
    expect(call.params).toEqual({})
    expect(call.args).toEqual([context])
  })

  test('the same object at two places is replaced at both', () => {
    const args = { query: 'x' }
    const call = captureCall([args, args], (first: unknown) => first)
    expect(call.args[0]).not.toBe(args)
    expect(call.args[1]).not.toBe(args)
  })

  test.each<[what: string, select: (...args: never[]) => unknown]>([
    ['a new object', () => ({ query: 'x' })],
    ['a part of an argument', (args: { query: string }) => args.query],
    ['a list with a part of an argument', (args: { query: string }) => [args, args.query]],
    ['a promise', async (args: unknown) => args],
  ])('%s is refused, because the handler could run something else', (_what, select) => {
    expect(() => captureCall([{ query: 'x' }, context], select)).toThrow(TypeError)
  })
})
