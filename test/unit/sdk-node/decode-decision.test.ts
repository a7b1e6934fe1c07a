import { create } from '@bufbuild/protobuf'
import type { Decision, EvaluateToolAccessRequest } from '@capiscio/proto/core/v1'
import {
  AuthLevel,
  DecisionSchema,
  DenyReason as DenyReasonNumber,
  EvaluateToolAccessRequestSchema,
  Outcome,
} from '@capiscio/proto/core/v1'
import { CoreFaultError, DenyReason, decodeDecision } from '@capiscio/proto/sdk'
import { describe, expect, test } from 'vitest'
import type { ScriptedAnswer } from '../../fakes/scripted-core.ts'
import { allow, deny, recordOf } from '../../fakes/scripted-core.ts'

const asked = { toolName: 'read_database', paramsHash: 'sha256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o' }
const request: EvaluateToolAccessRequest = create(EvaluateToolAccessRequestSchema, asked)

function decisionOf(answer: ScriptedAnswer): Decision {
  if (answer.kind !== 'decision' || answer.decision === undefined) throw new Error('not a decision')
  return answer.decision
}

/** An ALLOW whose record says something else than what was asked. */
function allowWithRecord(change: (record: Record<string, unknown>) => unknown): Decision {
  const decision = decisionOf(allow(request))
  const record: Record<string, unknown> = JSON.parse(new TextDecoder().decode(decision.leaf))
  const changed = change(record)
  decision.leaf = new TextEncoder().encode(JSON.stringify(changed))
  return decision
}

/** Another outcome beside the record of an ALLOW: the record alone lets nothing run. */
function allowedOtherwise(outcome: Outcome): Decision {
  return Object.assign(decisionOf(allow(request)), { outcome })
}

/** A record that would do, but for one byte that is no UTF-8, inside a text that nobody compares. */
function allowWithBrokenText(): Decision {
  const decision = allowWithRecord((record) => ({ ...record, note: '~' }))
  decision.leaf[decision.leaf.lastIndexOf('~'.charCodeAt(0))] = 0xff
  return decision
}

describe('an ALLOW with the record of this call', () => {
  test('is ALLOW with every field', () => {
    const decision = decisionOf(
      allow(request, {
        principal: 'did:web:registry.example:agents:a1',
        badgeJti: 'jti-1',
        authLevel: AuthLevel.BADGE_ENVELOPE,
        trustLevel: 3,
        ial: 1,
        policyVersion: 'sha256:abc',
        evidenceId: '7f0e5b1c-1111-4111-8111-111111111111',
        leafIndex: 2n ** 60n,
      }),
    )
    const access = decodeDecision(decision, asked)
    expect(access).toMatchObject({
      outcome: 'ALLOW',
      reason: undefined,
      code: undefined,
      message: 'Allowed.',
      principal: 'did:web:registry.example:agents:a1',
      badgeJti: 'jti-1',
      authLevel: 'badge+envelope',
      trustLevel: 3,
      ial: 1,
      policyVersion: 'sha256:abc',
      evidenceId: '7f0e5b1c-1111-4111-8111-111111111111',
      logOrigin: 'evidence.capiscio.local/0123456789abcdef',
      leafIndex: 2n ** 60n,
      time: new Date('2026-05-06T10:00:00.000Z'),
      fault: undefined,
    })
    expect(access.leaf).toEqual(recordOf(request, decision))
    expect(access.evidenceJson).toBe(new TextDecoder().decode(decision.leaf))
    expect(Object.isFrozen(access)).toBe(true)
  })

  test('tells level 0 from no level', () => {
    expect(decodeDecision(decisionOf(allow(request, { trustLevel: 0, ial: 0 })), asked)).toMatchObject({
      trustLevel: 0,
      ial: 0,
    })
    const without = decodeDecision(decisionOf(allow(request)), asked)
    expect([without.trustLevel, without.ial, without.principal, without.badgeJti]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  test('may be at the first place of its log', () => {
    expect(decodeDecision(decisionOf(allow(request, { leafIndex: 0n })), asked)).toMatchObject({
      outcome: 'ALLOW',
      leafIndex: 0n,
    })
  })

  test('can be logged as JSON', () => {
    const json: unknown = JSON.parse(JSON.stringify(decodeDecision(decisionOf(allow(request)), asked)))
    expect(json).toMatchObject({ outcome: 'ALLOW', leafIndex: '7' })
    expect(json).not.toHaveProperty('leaf')
  })
})

describe('an ALLOW without proof that this call was recorded is DENY with a fault', () => {
  test.each<[what: string, decision: () => Decision]>([
    ['no evidence id', () => decisionOf(allow(request, { evidenceId: '' }))],
    ['no record', () => decisionOf(allow(request, { leaf: new Uint8Array() }))],
    ['no log', () => decisionOf(allow(request, { logOrigin: '' }))],
    ['no place in the log', () => Object.assign(decisionOf(allow(request)), { leafIndex: undefined })],
    ['a record that is no UTF-8', () => decisionOf(allow(request, { leaf: Uint8Array.of(0x7b, 0xff) }))],
    ['a record with a text that is no UTF-8', allowWithBrokenText],
    ['a record that is no JSON', () => decisionOf(allow(request, { leaf: new TextEncoder().encode('{"id"') }))],
    ['a record that is null', () => allowWithRecord(() => null)],
    ['a record that is a text', () => allowWithRecord(() => 'ALLOW')],
    ['the record of a denial', () => allowWithRecord((record) => ({ ...record, 'capiscio.decision': 'DENY' }))],
    [
      'the record of another tool',
      () => allowWithRecord((record) => ({ ...record, 'capiscio.target': 'list_tables' })),
    ],
    [
      'the record of other arguments',
      () => allowWithRecord((record) => ({ ...record, 'capiscio.tool.params_hash': 'sha256:x' })),
    ],
    ['a record without arguments', () => allowWithRecord(({ 'capiscio.tool.params_hash': _, ...record }) => record)],
    ['the record of another decision', () => allowWithRecord((record) => ({ ...record, id: 'other' }))],
    ['a record of another kind', () => allowWithRecord((record) => ({ ...record, 'event.name': 'capiscio.outcome' }))],
  ])('%s', (_what, decision) => {
    const access = decodeDecision(decision(), asked)
    expect(access).toMatchObject({ outcome: 'DENY', reason: 'INTERNAL', code: 'INTERNAL' })
    expect(access.fault).toBeInstanceOf(CoreFaultError)
    expect(access.message).toContain('must not run')
  })
})

describe('an answer that is neither ALLOW nor DENY is DENY with a fault', () => {
  test.each<[what: string, decision: Decision | undefined]>([
    ['nothing', undefined],
    ['an empty decision', create(DecisionSchema)],
    ['the unspecified outcome', decisionOf(allow(request, { outcome: Outcome.UNSPECIFIED }))],
    ['the unspecified outcome beside the record of an ALLOW', allowedOtherwise(Outcome.UNSPECIFIED)],
    ['an outcome from the future beside the record of an ALLOW', allowedOtherwise(3 as Outcome)],
    ['an outcome from the future', decisionOf(allow(request, { outcome: 3 as Outcome }))],
    ['a negative outcome', decisionOf(allow(request, { outcome: -1 as Outcome }))],
  ])('%s', (_what, decision) => {
    const access = decodeDecision(decision, asked)
    expect(access).toMatchObject({ outcome: 'DENY', reason: 'INTERNAL' })
    expect(access.fault).toBeInstanceOf(CoreFaultError)
  })
})

describe('a DENY', () => {
  test('carries reason, code and record', () => {
    const decision = decisionOf(deny(request, { trustLevel: 1 }))
    expect(decodeDecision(decision, asked)).toMatchObject({
      outcome: 'DENY',
      reason: 'TRUST_INSUFFICIENT',
      code: 'TOOL_TRUST_INSUFFICIENT',
      message: 'The badge has level 1, the tool needs 2.',
      evidenceId: decision.evidenceId,
      leafIndex: 7n,
      trustLevel: 1,
      fault: undefined,
    })
  })

  test('names every reason of the contract', () => {
    const { UNSPECIFIED: _none, ...numbers } = DenyReasonNumber
    expect(Object.keys(numbers).sort()).toEqual(Object.keys(DenyReason).sort())
    for (const [name, reason] of Object.entries(numbers)) {
      expect(decodeDecision(decisionOf(deny(request, { reason })), asked).reason).toBe(name)
    }
  })

  test('without a record has no evidence', () => {
    const decision = create(DecisionSchema, {
      outcome: Outcome.DENY,
      reason: DenyReasonNumber.EVIDENCE_UNAVAILABLE,
      code: 'EVIDENCE_UNAVAILABLE',
    })
    const access = decodeDecision(decision, asked)
    expect(access).toMatchObject({ outcome: 'DENY', reason: 'EVIDENCE_UNAVAILABLE', fault: undefined })
    expect([access.evidenceId, access.logOrigin, access.leafIndex, access.leaf, access.evidenceJson]).toEqual(
      Array(5).fill(undefined),
    )
  })

  test('for a reason from the future keeps its code', () => {
    const decision = decisionOf(deny(request, { reason: 99 as DenyReasonNumber, code: 'TOOL_BRAND_NEW' }))
    expect(decodeDecision(decision, asked)).toMatchObject({ reason: 'INTERNAL', code: 'TOOL_BRAND_NEW' })
  })

  test('without any reason says so', () => {
    const decision = decisionOf(deny(request, { reason: DenyReasonNumber.UNSPECIFIED, code: '' }))
    expect(decodeDecision(decision, asked)).toMatchObject({ reason: 'INTERNAL', code: 'INTERNAL' })
  })

  test('never repeats the secret', () => {
    const decision = decisionOf(deny(request, { message: 'Key canary-key is unknown.', code: 'canary-key' }))
    const access = decodeDecision(decision, asked, ['canary-key'])
    expect(access.message).toBe('Key [redacted] is unknown.')
    expect(access.code).toBe('[redacted]')
  })
})
