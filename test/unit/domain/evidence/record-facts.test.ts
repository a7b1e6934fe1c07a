import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeOutcomeRecord, type OutcomeRecord } from '../../../../core/src/domain/evidence/outcome-record.ts'
import { encodeRecord } from '../../../../core/src/domain/evidence/record.ts'
import { type RecordFacts, readRecordFacts } from '../../../../core/src/domain/evidence/record-facts.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const NOTHING: RecordFacts = {
  ...{ kind: 'other', id: '', tool: '', principal: '', decision: '', decisionId: '', result: '', denyReason: '' },
  atMs: 0,
}

const OUTCOME: OutcomeRecord = {
  id: '11111111-1111-4111-8111-111111111111',
  atMs: Date.UTC(2026, 4, 6, 10, 0, 1, 5),
  decisionId: '7f0e0000-0000-4000-8000-000000000000',
  agentDid: 'did:web:registry.example:agents:worker-1',
  target: 'read_file',
  result: 'error',
  durationMs: 1234,
  resultHash: `sha256:${'A'.repeat(43)}`,
  coreVersion: '1.2.3',
}

describe('an outcome record', () => {
  it('is this canonical JSON', () => {
    expect(new TextDecoder().decode(encodeOutcomeRecord(OUTCOME))).toBe(
      '{"capiscio.agent.did":"did:web:registry.example:agents:worker-1",' +
        '"capiscio.decision_id":"7f0e0000-0000-4000-8000-000000000000","capiscio.target":"read_file",' +
        '"event.name":"capiscio.tool_outcome","id":"11111111-1111-4111-8111-111111111111",' +
        '"io.capisc.core_version":"1.2.3","io.capisc.duration_ms":1234,"io.capisc.result":"error",' +
        `"io.capisc.result_hash":"sha256:${'A'.repeat(43)}","timestamp":"2026-05-06T10:00:01.005000000Z"}`,
    )
  })

  it('leaves out a result hash that is not there', () => {
    expect(new TextDecoder().decode(encodeOutcomeRecord({ ...OUTCOME, resultHash: '' }))).not.toContain('result_hash')
  })

  it('refuses a duration that is not whole, and an entry that is too long', () => {
    expect(() => encodeOutcomeRecord({ ...OUTCOME, durationMs: 1.5 })).toThrow(RangeError)
    expect(() => encodeOutcomeRecord({ ...OUTCOME, target: 'x'.repeat(65_535) })).toThrow(RangeError)
  })

  it('is what an independent RFC 8785 implementation writes, whatever its strings hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (agentDid, target) => {
        const bytes = encodeOutcomeRecord({ ...OUTCOME, agentDid, target })
        const text = new TextDecoder().decode(bytes)
        expect(text).toBe(canonicalize(JSON.parse(text)))
      }),
    )
  })
})

describe('the facts of a record', () => {
  it('are those of a decision', () => {
    const leaf = encodeRecord({
      id: OUTCOME.decisionId,
      atMs: Date.UTC(2026, 4, 6, 10, 0, 0, 123),
      agentDid: 'apikey:ci',
      authLevel: 'apikey',
      target: 'drop_table',
      policyVersion: 'v1',
      decision: 'DENY',
      denyReason: 'TOOL_NOT_ALLOWED',
      trustLevel: 0,
      coreVersion: '1.2.3',
    })
    expect(readRecordFacts(leaf)).toEqual({
      kind: 'decision',
      id: OUTCOME.decisionId,
      tool: 'drop_table',
      principal: 'apikey:ci',
      decision: 'DENY',
      decisionId: '',
      result: '',
      denyReason: 'TOOL_NOT_ALLOWED',
      atMs: Date.UTC(2026, 4, 6, 10, 0, 0, 123),
    })
  })

  it('are those of an outcome', () => {
    expect(readRecordFacts(encodeOutcomeRecord(OUTCOME))).toEqual({
      kind: 'outcome',
      id: OUTCOME.id,
      tool: OUTCOME.target,
      principal: OUTCOME.agentDid,
      decision: '',
      decisionId: OUTCOME.decisionId,
      result: 'error',
      denyReason: '',
      atMs: OUTCOME.atMs,
    })
  })

  it.each([
    ['no JSON', utf8('{')],
    ['no object', utf8('[]')],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['a repeated member', utf8('{"id":"a","id":"b"}')],
    ['nothing', new Uint8Array(0)],
  ])('of an entry that is %s are none', (_what, leaf) => {
    expect(readRecordFacts(leaf)).toEqual(NOTHING)
  })

  it('are empty where a member has another type or an unknown value', () => {
    const leaf = utf8(
      JSON.stringify({
        ...{ 'event.name': 'capiscio.other', id: 7, 'capiscio.target': ['t'], 'capiscio.decision': 'allow' },
        ...{ 'io.capisc.result': 'fine', timestamp: '2026-05-06 10:00:00Z' },
      }),
    )
    expect(readRecordFacts(leaf)).toEqual(NOTHING)
  })

  it('have no time that does not exist', () => {
    expect(readRecordFacts(utf8('{"timestamp":"2026-13-06T10:00:00Z"}')).atMs).toBe(0)
    expect(readRecordFacts(utf8('{"timestamp":"2026-12-06T10:00:00Z"}')).atMs).toBe(Date.UTC(2026, 11, 6, 10))
  })
})
