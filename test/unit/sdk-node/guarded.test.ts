import { describe, expect, test } from 'vitest'
import { GuardError, guarded } from '../../../sdk-node/src/index.ts'
import { createScriptedClient } from '../../fakes/scripted-client.ts'
import { allow, deny } from '../../fakes/scripted-core.ts'

/** What the language passes to a decorator of a method; the rest of the context is not used. */
const of = (name: string | symbol, kind = 'method') => ({ kind, name }) as unknown as ClassMethodDecoratorContext

type Method = (...args: unknown[]) => Promise<unknown>
const decorate = guarded as unknown as {
  (options: unknown): (method: unknown, context: unknown) => Method
  (method: unknown, context: unknown): Method
}

describe('a decorated method', () => {
  test('runs with its own this and its arguments, after an ALLOW for the tool of its name', async () => {
    const client = createScriptedClient()
    const owner = { rows: 3 }
    const method = decorate({ client, minTrustLevel: 2 })(async function (this: typeof owner, more: { n: number }) {
      return this.rows + more.n
    }, of('count_rows'))
    expect(await Reflect.apply(method, owner, [{ n: 4 }])).toBe(7)
    expect(client.requests.map(({ toolName, config }) => [toolName, config?.minTrustLevel])).toEqual([
      ['count_rows', 2],
    ])
  })

  test('does not run when it is denied', async () => {
    const client = createScriptedClient(deny)
    let runs = 0
    const method = decorate({ client })(async () => {
      runs += 1
    }, of('drop_table'))
    await expect(method()).rejects.toThrow(GuardError)
    expect([runs, client.requests.length]).toEqual([0, 1])
  })

  test.each([
    ['its own, also when it is private', { of: '#read', tool: undefined, name: '#read' }],
    ['the one given', { of: 'read', tool: 'files/read', name: 'files/read' }],
    ['the one given, where a symbol names it', { of: Symbol('read'), tool: 'read', name: 'read' }],
  ])('has a name: %s', async (_what, { of: named, tool, name }) => {
    const client = createScriptedClient(allow)
    await decorate({ client, ...(tool !== undefined && { tool }) })(async () => 1, of(named))()
    expect(client.requests.map(({ toolName }) => toolName)).toEqual([name])
  })

  test('can be decorated without options', () => {
    const method = decorate(async function read() {}, of('read'))
    expect(method).toHaveProperty('name', 'read')
  })
})

describe('is refused with a TypeError', () => {
  test.each(['getter', 'setter', 'field', 'accessor', 'class'])('a %s', (kind) => {
    expect(() => decorate({})(async () => 1, of('name', kind))).toThrow(TypeError)
    expect(() => decorate({})(async () => 1, of('name', kind))).toThrow(`the ${kind} name cannot wait`)
    expect(() => decorate(async () => 1, of('name', kind))).toThrow(TypeError)
  })

  test('a method without a value, such as a field has', () => {
    expect(() => decorate({})(undefined, of('name'))).toThrow(TypeError)
  })

  test('a method named by a symbol, without a tool', () => {
    expect(() => decorate({})(async () => 1, of(Symbol('read')))).toThrow('needs the tool option')
  })

  test.each([
    ['the name of a member', 'read'],
    ['a symbol', Symbol('read')],
    ['null', null],
  ])('what experimental decorators pass: %s', (_what, second) => {
    expect(() => decorate({})(class {}.prototype, second)).toThrow('experimentalDecorators')
    expect(() => decorate(class {}.prototype, second)).toThrow('experimentalDecorators')
  })

  test.each([
    ['an unknown option', { minTrustlevel: 2 }],
    ['a level that is none', { minTrustLevel: 5 }],
    ['an empty tool', { tool: '' }],
    ['null', null],
    ['a list', []],
    ['nothing', undefined],
  ])('%s, before there is a method', (_what, options) => {
    expect(() => decorate(options)).toThrow(TypeError)
  })
})
