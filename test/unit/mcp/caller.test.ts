import { CallerConflict, findCaller, withoutCaller } from '@capiscio/proto/mcp'
import { describe, expect, it } from 'vitest'

const BADGE = 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiIxIn0.c2ln'
const OTHER = `${BADGE}x`

const headers = (given: Record<string, string>) => (name: string) => given[name.toLowerCase()]
const badge = { kind: 'badge', secret: BADGE }

describe('a caller', () => {
  it.each<[string, Parameters<typeof findCaller>[0], unknown]>([
    ['nowhere', {}, undefined],
    ['in an empty _meta', { meta: {} }, undefined],
    ['under the flat name', { meta: { capiscio_caller_badge: BADGE } }, badge],
    ['under the prefixed name', { meta: { 'io.capisc/caller-badge': BADGE } }, badge],
    ['under both, the same', { meta: { capiscio_caller_badge: BADGE, 'io.capisc/caller-badge': BADGE } }, badge],
    ['as an API key', { meta: { capiscio_caller_api_key: 'k' } }, { kind: 'apiKey', secret: 'k' }],
    ['in a header', { header: headers({ 'x-capiscio-badge': ` ${BADGE} ` }) }, badge],
    [
      'in header and _meta, the same',
      { meta: { capiscio_caller_badge: BADGE }, header: headers({ 'x-capiscio-badge': BADGE }) },
      badge,
    ],
    [
      'as a bearer token where that is a badge',
      { header: headers({ authorization: `bearer ${BADGE}` }), bearerIsBadge: true },
      badge,
    ],
    ['as a bearer token where that is OAuth', { header: headers({ authorization: `Bearer ${BADGE}` }) }, undefined],
    [
      'as the same bearer token twice',
      { header: headers({ authorization: `Bearer ${BADGE}, Bearer ${BADGE}` }), bearerIsBadge: true },
      badge,
    ],
    ['as basic authorization', { header: headers({ authorization: 'Basic eDp5' }), bearerIsBadge: true }, undefined],
    ['under a foreign name', { meta: { 'com.example/badge': BADGE } }, undefined],
    ['in a prototype', { meta: Object.create({ capiscio_caller_badge: BADGE }) }, undefined],
  ])('%s is found as it is', (_, sources, expected) => {
    expect(findCaller(sources)).toEqual(expected)
  })

  it.each<[string, Parameters<typeof findCaller>[0]]>([
    ['two spellings that differ', { meta: { capiscio_caller_badge: BADGE, 'io.capisc/caller-badge': OTHER } }],
    ['a badge and an API key', { meta: { capiscio_caller_badge: BADGE, capiscio_caller_api_key: 'k' } }],
    [
      'header and _meta that differ',
      { meta: { capiscio_caller_badge: OTHER }, header: headers({ 'x-capiscio-badge': BADGE }) },
    ],
    ['two headers', { header: headers({ 'x-capiscio-badge': `${BADGE}, ${OTHER}` }) }],
    [
      'two bearer tokens',
      { header: headers({ authorization: `Bearer ${BADGE}, Bearer ${OTHER}` }), bearerIsBadge: true },
    ],
    [
      'a bearer token and another authorization',
      { header: headers({ authorization: `Basic eDp5, Bearer ${BADGE}` }), bearerIsBadge: true },
    ],
    [
      'badge header and bearer that differ',
      { header: headers({ 'x-capiscio-badge': BADGE, authorization: `Bearer ${OTHER}` }), bearerIsBadge: true },
    ],
    [
      'a badge header and an API key',
      { meta: { capiscio_caller_api_key: 'k' }, header: headers({ 'x-capiscio-badge': BADGE }) },
    ],
    ['a number', { meta: { capiscio_caller_badge: 7 } }],
    ['nothing where something is named', { meta: { capiscio_caller_badge: '' } }],
    ['a lone surrogate', { meta: { capiscio_caller_badge: '\ud800' } }],
    ['a _meta that is a list', { meta: [] }],
    ['a _meta that is a text', { meta: 'x' }],
  ])('is a conflict with %s, told without the secret', (_, sources) => {
    const error = (() => {
      try {
        return findCaller(sources)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toBeInstanceOf(CallerConflict)
    expect(String(error)).not.toContain(BADGE)
  })
})

describe('a request for somebody who must not see the caller', () => {
  it('has lost the credential and nothing else', () => {
    const params = {
      name: 'read',
      _meta: {
        capiscio_caller_badge: BADGE,
        'io.capisc/caller-badge': BADGE,
        capiscio_caller_api_key: 'k',
        'io.capisc/caller-api-key': 'k',
        progressToken: 1,
      },
    }
    expect(withoutCaller(params)).toEqual({ name: 'read', _meta: { progressToken: 1 } })
    expect(params._meta.capiscio_caller_badge).toBe(BADGE)
  })

  it.each([undefined, null, 'x', [], {}, { _meta: 'x' }])('is %o as it was', (params) => {
    expect(withoutCaller(params)).toBe(params)
  })
})
