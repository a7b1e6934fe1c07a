import { describe, expect, it } from 'vitest'
import { parseDid } from '../../../../core/src/domain/did/did.ts'
import { refusalOf } from '../../../tools/refusal.ts'

describe('a DID', () => {
  it.each([
    ['did:key:z6Mk', { method: 'key', id: 'z6Mk' }],
    ['did:web:example.com%3A8443:a:b', { method: 'web', id: 'example.com%3A8443:a:b' }],
    ['did:example:a::b', { method: 'example', id: 'a::b' }],
    ['did:x9:A-Z_a.z0', { method: 'x9', id: 'A-Z_a.z0' }],
    [`did:web:${'a'.repeat(2040)}`, { method: 'web', id: 'a'.repeat(2040) }],
  ])('is split: %s', (text, parts) => {
    expect(parseDid(text)).toEqual(parts)
  })

  it.each([
    '',
    'did',
    'did:',
    'did:web',
    'did:web:',
    'did::x',
    'did:web:a:',
    'DID:web:a',
    'did:Web:a',
    'did:web:a#key-1',
    'did:web:a/b',
    'did:web:a?b',
    'did:web:a b',
    'did:web:a\n',
    ' did:web:a',
    'did:web:%',
    'did:web:%2',
    'did:web:%GG',
    'did:web:é',
    'did:we-b:a',
    `did:web:${'a'.repeat(2041)}`,
    '__proto__',
  ])('is refused: %j', (text) => {
    expect(refusalOf(() => parseDid(text))).toBe('DidRefused DID_MALFORMED')
  })
})
