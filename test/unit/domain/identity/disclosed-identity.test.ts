import { describe, expect, it } from 'vitest'
import {
  DisclosureRefused,
  identityFromHeaders,
  identityFromMeta,
} from '../../../../core/src/domain/identity/disclosed-identity.ts'

const refusal = (json: string): string => {
  try {
    identityFromMeta(json)
  } catch (error) {
    if (error instanceof DisclosureRefused) return error.code
    throw error
  }
  return 'accepted'
}

describe('the _meta of a handshake result', () => {
  it.each([
    ['flat names', { capiscio_server_did: 'did:web:a.example', capiscio_server_badge: 'a.b.c' }],
    ['prefixed names', { 'io.capisc/server-did': 'did:web:a.example', 'io.capisc/server-badge': 'a.b.c' }],
    [
      'both, saying the same',
      {
        capiscio_server_did: 'did:web:a.example',
        'io.capisc/server-did': 'did:web:a.example',
        'io.capisc/server-badge': 'a.b.c',
      },
    ],
    [
      'foreign names beside them',
      { capiscio_server_did: 'did:web:a.example', capiscio_server_badge: 'a.b.c', 'com.example/x': {} },
    ],
  ])('discloses by %s', (_what, meta) => {
    expect(identityFromMeta(JSON.stringify(meta))).toEqual({ did: 'did:web:a.example', badge: 'a.b.c' })
  })

  it('may disclose one without the other', () => {
    expect(identityFromMeta('{"capiscio_server_did":"did:web:a.example"}')).toEqual({
      did: 'did:web:a.example',
      badge: '',
    })
    expect(identityFromMeta('{"io.capisc/server-badge":"a.b.c"}')).toEqual({ did: '', badge: 'a.b.c' })
  })

  it.each([
    '{}',
    '{"capiscio_server_did":""}',
    '{"capiscio_server_did":7,"capiscio_server_badge":null}',
    '{"x":"did:web:a.example"}',
  ])('of %s discloses nothing', (json) => {
    expect(identityFromMeta(json)).toBeUndefined()
  })

  it('knows no inherited names', () => {
    expect(identityFromMeta('{"__proto__":{"capiscio_server_did":"did:web:a.example"}}')).toBeUndefined()
  })

  it.each([
    ['', 'META_NOT_JSON'],
    ['{', 'META_NOT_JSON'],
    ['null', 'META_NOT_OBJECT'],
    ['[]', 'META_NOT_OBJECT'],
    ['"did:web:a.example"', 'META_NOT_OBJECT'],
    ['{"capiscio_server_did":"did:web:a.example","io.capisc/server-did":"did:web:b.example"}', 'META_CONFLICT'],
    ['{"capiscio_server_badge":"a.b.c","io.capisc/server-badge":"a.b.d"}', 'META_CONFLICT'],
  ])('of %j is refused as %s', (json, code) => {
    expect(refusal(json)).toBe(code)
  })
})

describe('the disclosure headers', () => {
  it('disclose what they hold', () => {
    expect(identityFromHeaders('did:web:a.example', '')).toEqual({ did: 'did:web:a.example', badge: '' })
    expect(identityFromHeaders('', 'a.b.c')).toEqual({ did: '', badge: 'a.b.c' })
    expect(identityFromHeaders('', '')).toBeUndefined()
  })
})
