import { describe, expect, test } from 'vitest'
import { EvidenceError, parseEvidenceRecord } from '../../../sdk-node/src/index.ts'

const MEMBERS = {
  'event.name': 'capiscio.tool_invocation',
  id: '7f0e2c1a-0000-4000-8000-000000000001',
  timestamp: '2026-05-06T10:00:00.123456789Z',
  'capiscio.target': 'read_file',
  'capiscio.decision': 'DENY',
  'capiscio.deny_reason': 'TOOL_TRUST_INSUFFICIENT',
  'capiscio.agent.did': 'did:web:registry.example:agents:worker-1',
  'capiscio.auth.level': 'badge',
  'capiscio.badge.jti': '4b1c',
  'capiscio.policy_version': 'v1',
  'capiscio.tool.params_hash': 'sha256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o',
  trust_level: 1,
  'io.capisc.sdk': 'python/2.7.2',
}
const json = (changes: object = {}): string => JSON.stringify({ ...MEMBERS, ...changes })
const refusal = (evidence: Parameters<typeof parseEvidenceRecord>[0]): unknown => {
  try {
    return parseEvidenceRecord(evidence)
  } catch (error) {
    return error
  }
}

describe('the record of a decision', () => {
  test('is read under this SDK names, whatever else is in it', () => {
    expect(parseEvidenceRecord(json())).toEqual({
      id: MEMBERS.id,
      time: new Date('2026-05-06T10:00:00.123Z'),
      target: 'read_file',
      decision: 'DENY',
      denyReason: 'TOOL_TRUST_INSUFFICIENT',
      agentDid: 'did:web:registry.example:agents:worker-1',
      authLevel: 'badge',
      badgeJti: '4b1c',
      trustLevel: 1,
      paramsHash: MEMBERS['capiscio.tool.params_hash'],
      policyVersion: 'v1',
      members: MEMBERS,
    })
  })

  test('may lack what only some decisions have', () => {
    const fewer = json({
      'capiscio.deny_reason': undefined,
      'capiscio.badge.jti': undefined,
      'capiscio.tool.params_hash': undefined,
    })
    expect(parseEvidenceRecord(fewer)).toMatchObject({
      denyReason: undefined,
      badgeJti: undefined,
      paramsHash: undefined,
    })
  })

  test.each([
    ['event.name', 'capiscio.tool_outcome'],
    ['id', 7],
    ['timestamp', 'yesterday'],
    ['timestamp', undefined],
    ['capiscio.target', undefined],
    ['capiscio.decision', 'deny'],
    ['capiscio.decision', undefined],
    ['capiscio.deny_reason', 6],
    ['capiscio.agent.did', undefined],
    ['capiscio.auth.level', 'BADGE'],
    ['capiscio.badge.jti', null],
    ['capiscio.policy_version', 1],
    ['capiscio.tool.params_hash', {}],
    ['trust_level', 5],
    ['trust_level', '1'],
    ['trust_level', undefined],
  ])('is none with %s %j', (name, value) => {
    const error = refusal(json({ [name]: value }))
    expect(error).toBeInstanceOf(EvidenceError)
    expect(error).toMatchObject({ code: 'EVIDENCE_INVALID', evidenceId: name === 'id' ? undefined : MEMBERS.id })
    expect((error as Error).message).toContain(`"${name}"`)
  })

  test.each([
    ['', 'The record is not JSON.'],
    ['{"id":', 'The record is not JSON.'],
    ['[]', 'The record is not a JSON object.'],
    ['null', 'The record is not a JSON object.'],
    ['7', 'The record is not a JSON object.'],
  ])('is none: %s', (text, message) => {
    expect(refusal(text)).toMatchObject({ code: 'EVIDENCE_INVALID', evidenceId: undefined, message })
  })

  test('of an answer is its own', () => {
    expect(parseEvidenceRecord({ evidenceId: MEMBERS.id, evidenceJson: json() }).id).toBe(MEMBERS.id)
    expect(refusal({ evidenceId: 'another', evidenceJson: json() })).toMatchObject({
      name: 'EvidenceError',
      evidenceId: 'another',
    })
    expect(refusal({ evidenceId: undefined, evidenceJson: undefined })).toMatchObject({
      name: 'EvidenceError',
      message: 'The answer has no record: none could be written.',
    })
  })
})
