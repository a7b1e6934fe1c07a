import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EvidenceRecord, encodeRecord, MAX_ENTRY_BYTES } from '../../../../core/src/domain/evidence/record.ts'

const MINIMAL: EvidenceRecord = {
  id: '7f0e0000-0000-4000-8000-000000000000',
  atMs: Date.UTC(2026, 4, 6, 10, 0, 0, 123),
  agentDid: '',
  authLevel: 'anonymous',
  target: 'read_file',
  policyVersion: 'v1',
  decision: 'ALLOW',
  trustLevel: 0,
  coreVersion: '0.1.0',
}

const FULL: EvidenceRecord = {
  ...MINIMAL,
  agentDid: 'did:web:registry.example:agents:worker-1',
  badgeJti: 'jti-1',
  authLevel: 'badge+envelope',
  decision: 'DENY',
  denyReason: 'TOOL_POLICY_DENIED',
  paramsHash: 'sha256:abc',
  trustLevel: 3,
  serverOrigin: 'https://mcp.example',
  ial: 1,
  reason: 'POLICY_DENIED',
  cacheHit: true,
  revocationAgeSeconds: 12,
  sdk: '@capiscio/mcp/0.1.0',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  requestPolicyVersion: 'theirs',
}

/** Anything a caller may put into a string: controls, quotes, separators, lone surrogates, emoji. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
    fc.string({ unit: 'binary' }),
  ),
  maxLength: 40,
})

const records: fc.Arbitrary<EvidenceRecord> = fc.record(
  {
    id: hostile,
    atMs: fc.integer({ min: 0, max: Date.UTC(9999, 0) }),
    agentDid: hostile,
    badgeJti: fc.option(hostile, { nil: undefined }),
    authLevel: fc.constantFrom('badge+envelope', 'badge', 'apikey', 'anonymous'),
    target: hostile,
    policyVersion: hostile,
    decision: fc.constantFrom('ALLOW', 'DENY'),
    denyReason: hostile,
    paramsHash: hostile,
    trustLevel: fc.nat(4),
    serverOrigin: hostile,
    ial: fc.option(fc.nat(1), { nil: undefined }),
    reason: hostile,
    cacheHit: fc.boolean(),
    coreVersion: hostile,
    sdk: hostile,
    traceparent: hostile,
    requestPolicyVersion: hostile,
  },
  {
    requiredKeys: [
      'id',
      'atMs',
      'agentDid',
      'authLevel',
      'target',
      'policyVersion',
      'decision',
      'trustLevel',
      'coreVersion',
    ],
  },
)

const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../vectors/evidence/rfc-006-record.schema.json'), 'utf8'),
)

/** The rules of the schema file: required, const, enum, type. */
function schemaViolations(record: Record<string, unknown>): string[] {
  const missing = schema.required.filter((key: string) => !(key in record)).map((key: string) => `${key} missing`)
  const wrong = Object.entries<{ const?: unknown; enum?: unknown[]; type?: string }>(schema.properties)
    .filter(([key]) => key in record)
    .filter(([key, rule]) => {
      const value = record[key]
      if ('const' in rule) return value !== rule.const
      if (rule.enum) return !rule.enum.includes(value)
      return rule.type === 'integer' ? !Number.isInteger(value) : typeof value !== rule.type
    })
  return [...missing, ...wrong.map(([key]) => `${key} wrong`)]
}

const decode = (bytes: Uint8Array) =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))

describe('encodeRecord', () => {
  it('writes every field under its key', () => {
    expect(new TextDecoder().decode(encodeRecord(FULL))).toBe(
      '{"capiscio.agent.did":"did:web:registry.example:agents:worker-1","capiscio.auth.level":"badge+envelope",' +
        '"capiscio.badge.jti":"jti-1","capiscio.decision":"DENY","capiscio.deny_reason":"TOOL_POLICY_DENIED",' +
        '"capiscio.policy_version":"v1","capiscio.target":"read_file","capiscio.tool.params_hash":"sha256:abc",' +
        '"event.name":"capiscio.tool_invocation","id":"7f0e0000-0000-4000-8000-000000000000",' +
        '"io.capisc.cache_hit":true,"io.capisc.core_version":"0.1.0","io.capisc.ial":1,' +
        '"io.capisc.reason":"POLICY_DENIED","io.capisc.request_policy_version":"theirs",' +
        '"io.capisc.revocation_age":12,' +
        '"io.capisc.sdk":"@capiscio/mcp/0.1.0","io.capisc.server_origin":"https://mcp.example",' +
        '"io.capisc.traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",' +
        '"timestamp":"2026-05-06T10:00:00.123000000Z","trust_level":3}',
    )
  })

  it('leaves out what is absent or empty, and keeps the required members', () => {
    const empty = {
      badgeJti: '',
      denyReason: '',
      paramsHash: '',
      serverOrigin: '',
      reason: '',
      sdk: '',
      traceparent: '',
      requestPolicyVersion: '',
    }
    const bytes = encodeRecord({ ...MINIMAL, ...empty, ial: undefined, cacheHit: undefined })
    expect(bytes).toEqual(encodeRecord(MINIMAL))
    expect(Object.keys(decode(bytes))).toEqual([
      'capiscio.agent.did',
      'capiscio.auth.level',
      'capiscio.decision',
      'capiscio.policy_version',
      'capiscio.target',
      'event.name',
      'id',
      'io.capisc.core_version',
      'timestamp',
      'trust_level',
    ])
  })

  it('keeps values that are false or zero', () => {
    expect(decode(encodeRecord({ ...MINIMAL, ial: 0, cacheHit: false }))).toMatchObject({
      'io.capisc.ial': 0,
      'io.capisc.cache_hit': false,
      trust_level: 0,
      'capiscio.agent.did': '',
    })
  })

  it('is canonical JSON and fits the RFC-006 schema, whatever the strings are', () => {
    fc.assert(
      fc.property(records, (record) => {
        const bytes = encodeRecord(record)
        const value = decode(bytes)
        expect(new TextEncoder().encode(canonicalize(value))).toEqual(bytes)
        expect(schemaViolations(value)).toEqual([])
        expect(value['capiscio.target']).toBe(record.target.toWellFormed())
      }),
      { numRuns: 1000 },
    )
  })

  it('has a schema check that notices a missing and a wrong member', () => {
    const { id, ...rest } = decode(encodeRecord(MINIMAL))
    const { 'capiscio.target': _, ...withoutTarget } = rest
    expect(id).toBe(MINIMAL.id)
    expect(schemaViolations({ ...withoutTarget, 'capiscio.auth.level': 'BADGE' })).toEqual([
      'capiscio.target missing',
      'capiscio.auth.level wrong',
    ])
  })

  it.each([
    ['line and paragraph separators', 'a\u2028b\u2029c'],
    ['NUL', 'a\0b'],
    ['terminal escapes', '\x1b[31mred\x1b[0m'],
    ['a forged line', 'x\n{"capiscio.decision":"ALLOW"}'],
    ['quotes and backslashes', '"\\"'],
    ['a byte order mark', '\ufeffx'],
    ['prototype names', '__proto__'],
    ['characters beyond the basic plane', '\u{1f600}\u{10ffff}'],
  ])('gives back %s unchanged', (_, text) => {
    expect(decode(encodeRecord({ ...MINIMAL, target: text }))['capiscio.target']).toBe(text)
  })

  it('contains no raw control character, so that an entry can imitate no journal frame', () => {
    const bytes = encodeRecord({
      ...MINIMAL,
      target: Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)).join(''),
    })
    expect(bytes.some((byte) => byte < 0x20)).toBe(false)
  })

  it.each([
    ['high', 'a\ud800b'],
    ['low', 'a\udc00b'],
  ])('replaces a lone %s surrogate', (_, text) => {
    expect(decode(encodeRecord({ ...MINIMAL, target: text, sdk: text }))).toMatchObject({
      'capiscio.target': 'a\ufffdb',
      'io.capisc.sdk': 'a\ufffdb',
    })
  })

  it('takes a record of 65535 bytes and refuses one of 65536', () => {
    const room = MAX_ENTRY_BYTES - encodeRecord({ ...MINIMAL, target: '' }).length
    expect(encodeRecord({ ...MINIMAL, target: 'x'.repeat(room) }).length).toBe(65_535)
    expect(() => encodeRecord({ ...MINIMAL, target: 'x'.repeat(room + 1) })).toThrow(RangeError)
    // Bytes count, not characters.
    expect(() => encodeRecord({ ...MINIMAL, target: '\u20ac'.repeat(room / 2) })).toThrow(RangeError)
  })

  it('writes the time with nine digits in UTC and refuses years that RFC 3339 cannot write', () => {
    const at = (atMs: number) => decode(encodeRecord({ ...MINIMAL, atMs }))['timestamp']
    expect(at(0)).toBe('1970-01-01T00:00:00.000000000Z')
    expect(at(253_402_300_799_999)).toBe('9999-12-31T23:59:59.999000000Z')
    expect(() => at(253_402_300_800_000)).toThrow(RangeError)
    expect(() => at(Number.NaN)).toThrow(RangeError)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1.5])('refuses the level %s', (level) => {
    expect(() => encodeRecord({ ...MINIMAL, trustLevel: level })).toThrow(RangeError)
    expect(() => encodeRecord({ ...MINIMAL, ial: level })).toThrow(RangeError)
  })
})
