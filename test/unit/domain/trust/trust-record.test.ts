import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTrustRecord, toTrustRecord, trustRecordName } from '../../../../core/src/domain/trust/trust-record.ts'
import { type TrustedKey, trustAgentKey, trustIssuerKey } from '../../../../core/src/domain/trust/trusted-key.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const ISSUER = 'https://registry.example.com'
const DETAILS = { addedAtMs: 1_733_788_800_000, metadata: new Map<string, string>() }
const issuerKey = trustIssuerKey(ISSUER, 'ca-1', sampleKey(1).publicKey, DETAILS)
const agentKey = trustAgentKey(sampleKey(2).did, { ...DETAILS, metadata: new Map([['who', 'me']]) })

type Members = Record<string, unknown>

/** The record of a key with its members changed, under the name that it had. */
function changed(key: TrustedKey, change: (members: Members) => Members) {
  const { name, text } = toTrustRecord(key)
  return { name, text: JSON.stringify(change(JSON.parse(text) as Members)) }
}

describe('a kept key', () => {
  it.each([issuerKey, agentKey])('comes back as it was: $kind', (key) => {
    expect(parseTrustRecord(toTrustRecord(key))).toEqual(key)
  })

  it('holds public members only', () => {
    const { jwk } = JSON.parse(toTrustRecord(issuerKey).text) as { jwk: object }
    expect(jwk).toEqual({ kty: 'OKP', crv: 'Ed25519', x: sampleKey(1).x, kid: 'ca-1', alg: 'EdDSA', use: 'sig' })
  })

  it('comes back with any metadata and key id that are taken', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 8 }), text, (entries, kid) => {
        const details = { ...DETAILS, metadata: new Map(entries) }
        const key = refusalOf(() => trustIssuerKey(ISSUER, kid, sampleKey(1).publicKey, details))
        if (typeof key === 'object' && key !== null && 'returned' in key) {
          const trusted = key.returned as TrustedKey
          expect(parseTrustRecord(toTrustRecord(trusted))).toEqual(trusted)
        } else {
          expect(key).toBe('TrustRefused TRUST_KEY_ID_INVALID')
        }
      }),
    )
  })
})

describe('the name of a record', () => {
  it('is a folder and 64 hexadecimal digits', () => {
    expect(trustRecordName(issuerKey)).toMatch(/^issuers\/[0-9a-f]{64}$/)
    expect(trustRecordName(agentKey)).toMatch(/^agents\/[0-9a-f]{64}$/)
  })

  it('differs wherever issuer or key id differ, also where they would run together', () => {
    const names = [
      ['https://a.example', 'b'],
      ['https://a.exampleb', ''],
      ['https://a.example', 'B'],
      ['https://a.example', 'b/c'],
      ['https://a.example', 'b_c'],
      ['https://a.example', 'b:c'],
      ['https://b.example', 'b'],
      ['https://a.example', '","b'],
    ].map(([issuer = '', kid = '']) => trustRecordName({ issuer, kid }))
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('a record that does not count', () => {
  it.each<[string, TrustedKey, (members: Members) => Members]>([
    ['no format', issuerKey, ({ version: _, ...rest }) => rest],
    ['format 0', issuerKey, (members) => ({ ...members, version: 0 })],
    ['a format that is a text', issuerKey, (members) => ({ ...members, version: '1' })],
    ['no time', issuerKey, ({ addedAt: _, ...rest }) => rest],
    ['a time that is none', issuerKey, (members) => ({ ...members, addedAt: 'yesterday' })],
    ['a private key', issuerKey, (members) => ({ ...members, jwk: { ...(members['jwk'] as object), d: 'AAAA' } })],
    ['no kid', issuerKey, (members) => ({ ...members, jwk: { ...(members['jwk'] as object), kid: undefined } })],
    ['another kid', issuerKey, (members) => ({ ...members, jwk: { ...(members['jwk'] as object), kid: 'ca-2' } })],
    ['another issuer', issuerKey, (members) => ({ ...members, issuer: 'https://evil.example' })],
    ['an issuer and an agent', issuerKey, (members) => ({ ...members, did: agentKey.did })],
    ['neither issuer nor agent', issuerKey, ({ issuer: _, ...rest }) => rest],
    [
      'an agent with another key',
      agentKey,
      (members) => ({ ...members, jwk: { ...(members['jwk'] as object), x: sampleKey(3).x } }),
    ],
    ['another agent', agentKey, (members) => ({ ...members, did: sampleKey(3).did })],
    ['an agent and an issuer', agentKey, (members) => ({ ...members, issuer: ISSUER })],
    ['metadata that is a text', agentKey, (members) => ({ ...members, metadata: 'x' })],
    ['metadata that is null', agentKey, (members) => ({ ...members, metadata: null })],
    ['metadata of numbers', agentKey, (members) => ({ ...members, metadata: { a: 1 } })],
  ])('has %s', (_what, key, change) => {
    expect(refusalOf(() => parseTrustRecord(changed(key, change)))).toBe('TrustRefused TRUST_RECORD_MALFORMED')
  })

  it('is not JSON, or says a thing twice', () => {
    const { name, text } = toTrustRecord(issuerKey)
    for (const bad of ['', '[]', text.slice(0, -4), text.replace('"version": 1', '"version": 1, "version": 1')]) {
      expect(refusalOf(() => parseTrustRecord({ name, text: bad }))).toBe('TrustRefused TRUST_RECORD_MALFORMED')
    }
  })

  it('was copied under the name of another', () => {
    const { text } = toTrustRecord(issuerKey)
    const name = trustRecordName({ issuer: ISSUER, kid: 'ca-2' })
    expect(refusalOf(() => parseTrustRecord({ name, text }))).toBe('TrustRefused TRUST_RECORD_MALFORMED')
  })

  it('comes from a newer version, which is said', () => {
    const record = changed(issuerKey, (members) => ({ ...members, version: 2, jwk: 'unknown' }))
    expect(refusalOf(() => parseTrustRecord(record))).toBe('TrustRefused TRUST_RECORD_NEWER')
  })
})
