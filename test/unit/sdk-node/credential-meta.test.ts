import { CredentialError } from '@capiscio/proto/sdk'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { credentialFromMeta } from '../../../sdk-node/src/credential-from-meta.ts'
import { credentialToMeta } from '../../../sdk-node/src/credential-to-meta.ts'

describe('reading _meta', () => {
  test.each<[what: string, meta: unknown, kind: string, secret: string]>([
    ['a flat badge', { capiscio_caller_badge: 'b' }, 'badge', 'b'],
    ['a prefixed badge', { 'io.capisc/caller-badge': 'b' }, 'badge', 'b'],
    ['both spellings of a badge', { capiscio_caller_badge: 'b', 'io.capisc/caller-badge': 'b' }, 'badge', 'b'],
    ['a flat API key', { capiscio_caller_api_key: 'k' }, 'apiKey', 'k'],
    ['a prefixed API key', { 'io.capisc/caller-api-key': 'k' }, 'apiKey', 'k'],
    [
      'a badge beside foreign keys',
      { progressToken: 1, 'com.example/caller-badge': 'x', capiscio_caller_badge: 'b' },
      'badge',
      'b',
    ],
    [
      'a badge beside our other keys',
      { capiscio_server_badge: 'x', 'io.capisc/pop-nonce': 'n', capiscio_caller_badge: 'b' },
      'badge',
      'b',
    ],
  ])('finds %s', (_what, meta, kind, secret) => {
    const credential = credentialFromMeta(meta)
    expect(credential?.kind).toBe(kind)
    expect(credential?.reveal()).toBe(secret)
  })

  test.each<[what: string, meta: unknown]>([
    ['absent', undefined],
    ['null', null],
    ['empty', {}],
    ['foreign', { progressToken: 1, capiscio_server_badge: 'x', 'io.capisc/CALLER-BADGE': 'x' }],
    ['inherited', Object.create({ capiscio_caller_badge: 'b' })],
  ])('finds nobody where it is %s', (_what, meta) => {
    expect(credentialFromMeta(meta)).toBeUndefined()
  })

  test.each<[what: string, meta: unknown]>([
    ['two badges', { capiscio_caller_badge: 'b1', 'io.capisc/caller-badge': 'b2' }],
    ['two API keys', { capiscio_caller_api_key: 'k1', 'io.capisc/caller-api-key': 'k2' }],
    ['a badge and an API key', { capiscio_caller_badge: 'b', capiscio_caller_api_key: 'k' }],
    ['a badge and an API key in different spellings', { 'io.capisc/caller-badge': 'b', capiscio_caller_api_key: 'k' }],
    ['an empty badge', { capiscio_caller_badge: '' }],
    ['a number', { capiscio_caller_badge: 7 }],
    ['null as badge', { 'io.capisc/caller-badge': null }],
    ['undefined as badge', { capiscio_caller_badge: undefined }],
    ['a badge beside a broken spelling of it', { capiscio_caller_badge: 'b', 'io.capisc/caller-badge': ['b'] }],
    ['a lone surrogate', { capiscio_caller_api_key: '\ud800' }],
    ['a list', ['b']],
    ['a text', 'b'],
  ])('refuses %s', (_what, meta) => {
    expect(() => credentialFromMeta(meta)).toThrow(CredentialError)
  })

  test('never repeats a value in a refusal', () => {
    const meta = { capiscio_caller_badge: 'canary-1', 'io.capisc/caller-badge': 'canary-2' }
    expect(() => credentialFromMeta(meta)).toThrow(/^(?!.*canary)/)
  })
})

describe('writing _meta', () => {
  test('uses both spellings of the kind', () => {
    expect(credentialToMeta({ badge: 'b' })).toEqual({ capiscio_caller_badge: 'b', 'io.capisc/caller-badge': 'b' })
    expect(credentialToMeta({ apiKey: 'k' })).toEqual({ capiscio_caller_api_key: 'k', 'io.capisc/caller-api-key': 'k' })
  })

  test('needs the badge itself', () => {
    expect(() => credentialToMeta({ badge: () => 'b' })).toThrow(TypeError)
    expect(() => credentialToMeta({ badge: 'b', apiKey: 'k' } as never)).toThrow(TypeError)
  })

  test('is undone by reading', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.boolean(), (secret, isBadge) => {
        const read = credentialFromMeta(credentialToMeta(isBadge ? { badge: secret } : { apiKey: secret }))
        expect([read?.kind, read?.reveal()]).toEqual([isBadge ? 'badge' : 'apiKey', secret])
      }),
    )
  })
})
