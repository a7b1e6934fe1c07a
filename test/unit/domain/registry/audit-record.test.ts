import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAuditRecord } from '../../../../core/src/domain/registry/audit-record.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const at = { id: '770e8400-e29b-41d4-a716-446655440000', atMs: Date.parse('2026-06-01T12:00:00.123Z') }

describe('an audit record', () => {
  it('reads like this', () => {
    expect(
      text(encodeAuditRecord('badge_issued', at, { jti: 'x', level: 2, key_proven: false, reason: undefined })),
    ).toBe(
      '{"event.name":"capiscio.registry.badge_issued","id":"770e8400-e29b-41d4-a716-446655440000","io.capisc.registry.jti":"x","io.capisc.registry.key_proven":false,"io.capisc.registry.level":2,"timestamp":"2026-06-01T12:00:00.123000000Z"}',
    )
  })

  it('is canonical JSON, whatever its texts are', () => {
    const name = fc.stringMatching(/^[a-z_]{1,12}$/)
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.boolean())
    fc.assert(
      fc.property(fc.dictionary(name, value), (details) => {
        const written = text(encodeAuditRecord('agent_created', at, details))
        expect(written).toBe(canonicalize(JSON.parse(written)))
      }),
    )
  })

  it('holds whole numbers only', () => {
    expect(() => encodeAuditRecord('agent_created', at, { level: 1.5 })).toThrow(RangeError)
  })

  it('has a form also for half of a character', () => {
    expect(text(encodeAuditRecord('agent_created', at, { reason: '\ud800' }))).toContain('"\ufffd"')
  })
})
