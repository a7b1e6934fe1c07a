import { describe, expect, it } from 'vitest'
import {
  ownerOf,
  parseTrustedIssuer,
  trustAgentKey,
  trustIssuerKey,
} from '../../../../core/src/domain/trust/trusted-key.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const { publicKey, did } = sampleKey(1)
const details = (metadata: readonly (readonly [string, string])[] = []) => ({
  addedAtMs: 0,
  metadata: new Map(metadata),
})

describe('the issuer of a pinned key', () => {
  it.each([
    ['https://a.example', 'https://a.example'],
    ['https://a.example/', 'https://a.example'],
    ['https://a.example:8443', 'https://a.example:8443'],
    ['did:web:a.example', 'https://a.example'],
  ])('%s is %s', (text, issuer) => {
    expect(parseTrustedIssuer(text)).toBe(issuer)
    expect(ownerOf(trustIssuerKey(text, 'k', publicKey, details()))).toBe(issuer)
  })

  it.each([
    '',
    'a.example',
    'http://a.example',
    'https://a.example/path',
    'did:web:a.example:agents:b',
    did,
    'https://u@a.example',
  ])('%j is none', (text) => {
    expect(refusalOf(() => parseTrustedIssuer(text))).toBe('TrustRefused TRUST_ISSUER_INVALID')
    expect(refusalOf(() => trustIssuerKey(text, 'k', publicKey, details()))).toBe('TrustRefused TRUST_ISSUER_INVALID')
  })
})

describe('the key id of a pinned key', () => {
  it.each(['k', 'did:key:z#z', 'a b', '../../etc', 'Schlüssel', 'x'.repeat(512)])('may be %j', (kid) => {
    expect(trustIssuerKey('https://a.example', kid, publicKey, details()).kid).toBe(kid)
  })

  it.each(['', 'a\nb', 'a\u001b[31m', 'a\u202eb', 'a\u2028b', '\ud800', 'x'.repeat(513)])('may not be %j', (kid) => {
    expect(refusalOf(() => trustIssuerKey('https://a.example', kid, publicKey, details()))).toBe(
      'TrustRefused TRUST_KEY_ID_INVALID',
    )
  })
})

describe('an agent', () => {
  it('is its did:key', () => {
    const key = trustAgentKey(did, details())
    expect([ownerOf(key), key.kid]).toEqual([did, `${did}#${did.slice('did:key:'.length)}`])
    expect(key.publicKey).toEqual(publicKey)
  })

  it.each(['did:key:z6Mk', 'did:web:a.example', ''])('is not %j', (text) => {
    expect(refusalOf(() => trustAgentKey(text, details()))).toBe('DidRefused DID_MALFORMED')
  })
})

describe('metadata', () => {
  const long = 'x'.repeat(4095)

  it('has at most 4096 characters altogether', () => {
    expect(trustAgentKey(did, details([['a', long]])).metadata.get('a')).toBe(long)
    expect(refusalOf(() => trustAgentKey(did, details([['ab', long]])))).toBe('TrustRefused TRUST_METADATA_INVALID')
    expect(refusalOf(() => trustIssuerKey('https://a.example', 'k', publicKey, details([['ab', long]])))).toBe(
      'TrustRefused TRUST_METADATA_INVALID',
    )
  })

  it.each([
    ['\udc00', ''],
    ['', '\ud800'],
  ] as const)('is well-formed text: not %j: %j', (name, value) => {
    expect(refusalOf(() => trustAgentKey(did, details([[name, value]])))).toBe('TrustRefused TRUST_METADATA_INVALID')
  })
})
