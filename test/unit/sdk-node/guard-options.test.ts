import { describe, expect, test } from 'vitest'
import { guard } from '../../../sdk-node/src/guard.ts'
import type { GuardOptions } from '../../../sdk-node/src/guard-options.ts'
import { decideGuardOptions } from '../../../sdk-node/src/guard-options.ts'
import { createScriptedClient } from '../../fakes/scripted-client.ts'

const handler = async (args: { query: string }): Promise<string> => args.query

describe('the name of a tool', () => {
  test('is the option, else the name of the handler', () => {
    expect(decideGuardOptions({ tool: 'read' }, 'handler').toolName).toBe('read')
    expect(decideGuardOptions({}, 'handler').toolName).toBe('handler')
  })

  test('is demanded when the guard is made', () => {
    expect(() => guard(async () => 1)).toThrow(TypeError)
    expect(() => guard({}, async () => 1)).toThrow(TypeError)
    expect(() => guard({ tool: '' }, handler)).toThrow(TypeError)
    expect(() => guard({ tool: '\ud800' }, handler)).toThrow(TypeError)
    expect(() => guard({ tool: 7 as unknown as string }, handler)).toThrow(TypeError)
    expect(() => guard(handler)).not.toThrow()
  })
})

describe('wrong options are refused when the guard is made', () => {
  test.each<[what: string, options: unknown]>([
    ['level 5', { minTrustLevel: 5 }],
    ['level -1', { minTrustLevel: -1 }],
    ['level 1.5', { minTrustLevel: 1.5 }],
    ['level "2"', { minTrustLevel: '2' }],
    ['level null', { minTrustLevel: null }],
    ['level NaN', { minTrustLevel: Number.NaN }],
    ['assurance level 2', { minIal: 2 }],
    ['requireBadge "true"', { requireBadge: 'true' }],
    ['requireBadge null', { requireBadge: null }],
    ['acceptLevelZero 1', { acceptLevelZero: 1 }],
    ['issuers as one text', { trustedIssuers: 'https://a.example' }],
    ['an empty issuer', { trustedIssuers: [''] }],
    ['no issuers at all', { trustedIssuers: [] }],
    ['no tools at all', { allowedTools: [] }],
    ['a tool pattern that is no text', { allowedTools: [/x/] }],
    ['a hole among the tool patterns', { allowedTools: new Array(1) }],
    ['an empty policy version', { policyVersion: '' }],
    ['an unknown mode', { enforcementMode: 'GUARD' }],
    ['a mode named like a part of a prototype', { enforcementMode: 'toString' }],
    ['a timeout of 0', { timeoutMs: 0 }],
    ['a timeout of half a millisecond', { timeoutMs: 0.5 }],
    ['an endless timeout', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['a timeout that timers cannot hold', { timeoutMs: 2 ** 31 }],
    ['a selector that is no function', { params: 'args' }],
    ['a signal instead of a function', { signal: new AbortController().signal }],
    ['a client that is none', { client: {} }],
    ['a misspelt demand', { minTrustlevel: 2 }],
    ['the spelling of another language', { min_trust_level: 2 }],
    ['a list', []],
    ['null', null],
  ])('%s', (_what, options) => {
    expect(() => guard(options as GuardOptions<[{ query: string }]>, handler)).toThrow(TypeError)
  })

  test('a missing handler', () => {
    expect(() => guard({ tool: 'x' }, undefined as unknown as typeof handler)).toThrow(TypeError)
    expect(() => guard(undefined as unknown as typeof handler)).toThrow(TypeError)
  })

  test('the refusal names the option', () => {
    expect(() => guard({ minTrustlevel: 2 } as never, handler)).toThrow('"minTrustlevel"')
    expect(() => guard({ trustedIssuers: ['https://a.example', ''] }, handler)).toThrow('trustedIssuers[1]')
  })
})

describe('decided options', () => {
  const given: GuardOptions = {
    minTrustLevel: 4,
    minIal: 1,
    requireBadge: true,
    acceptLevelZero: true,
    trustedIssuers: ['https://a.example'],
    allowedTools: ['read_*'],
    policyVersion: 'v7',
    enforcementMode: 'EM-STRICT',
  }

  test('carry every demand to the core', () => {
    expect(decideGuardOptions(given, 'h').config).toMatchObject({
      message: {
        minTrustLevel: 4,
        minIal: 1,
        requireBadge: true,
        acceptLevelZero: true,
        trustedIssuers: ['https://a.example'],
        allowedTools: ['read_*'],
      },
      policyVersion: 'v7',
      enforcementMode: 4,
    })
  })

  test('demand nothing by default, and refuse self-signed badges', () => {
    expect(decideGuardOptions({}, 'h').config).toMatchObject({
      message: {
        minTrustLevel: 0,
        minIal: 0,
        requireBadge: false,
        acceptLevelZero: false,
        trustedIssuers: [],
        allowedTools: [],
      },
      policyVersion: '',
      enforcementMode: 0,
    })
  })

  test('take undefined as not given', () => {
    expect(decideGuardOptions({ minTrustLevel: undefined, tool: undefined }, 'h').toolName).toBe('h')
  })

  test('read nothing that an options object inherits', () => {
    const inherited: unknown = Object.create({ acceptLevelZero: true })
    expect(decideGuardOptions(inherited, 'h').config.message.acceptLevelZero).toBe(false)
  })

  test('do not change when the given object or its lists do', async () => {
    const client = createScriptedClient()
    const options = {
      tool: 'read',
      minTrustLevel: 2 as 0 | 2,
      requireBadge: true,
      trustedIssuers: ['https://a.example'],
      client,
    }
    const read = guard(options, handler)
    options.minTrustLevel = 0
    options.requireBadge = false
    options.tool = 'other'
    options.trustedIssuers.push('https://evil.example')
    await read({ query: 'x' })
    expect(client.requests[0]).toMatchObject({
      toolName: 'read',
      config: { minTrustLevel: 2, requireBadge: true, trustedIssuers: ['https://a.example'] },
    })
  })

  test('cannot be changed by a core in the same process', async () => {
    const client = createScriptedClient()
    const read = guard({ tool: 'read', allowedTools: ['read'], client }, handler)
    await read({ query: 'x' })
    const config = client.requests[0]?.config
    expect(() => config?.allowedTools.push('drop')).toThrow(TypeError)
    expect(() => Object.assign(config ?? {}, { requireBadge: true })).toThrow(TypeError)
  })
})
