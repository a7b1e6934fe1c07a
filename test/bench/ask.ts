import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  CoreService,
  type Decision,
  DenyReason,
  EvaluateToolAccessRequestSchema,
  EvaluateToolAccessResponseSchema,
  Outcome,
} from '@capiscio/proto/core/v1'

export const EVALUATE_PATH = `/${CoreService.typeName}/${CoreService.method.evaluateToolAccess.name}`
export const STREAM_PATH = `/${CoreService.typeName}/${CoreService.method.evaluateToolAccessStream.name}`

/** The question that every case asks: everything filled in that an SDK fills in. */
export function question(badge: string) {
  return create(EvaluateToolAccessRequestSchema, {
    toolName: 'read_database',
    paramsHash: `sha256:${'A'.repeat(43)}`,
    serverOrigin: 'https://mcp.example.com',
    credential: { case: 'badgeJws', value: badge },
    config: { minTrustLevel: 2 },
    policyVersion: 'bench-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    sdk: '@capiscio/mcp/0.1.0',
  })
}

export function questionBytes(badge: string): Buffer {
  return Buffer.from(toBinary(EvaluateToolAccessRequestSchema, question(badge)))
}

export function checkAnswerBytes(bytes: Uint8Array): void {
  checkDecision(fromBinary(EvaluateToolAccessResponseSchema, bytes).decision)
}

/** A fast refusal must not pass for a fast decision. */
export function checkDecision(decision: Decision | undefined): void {
  if (decision?.outcome !== Outcome.ALLOW || decision.leaf.length === 0) {
    throw new Error(`Expected a recorded ALLOW, not ${decision?.code ?? 'nothing'}: ${decision?.message ?? ''}`)
  }
}

/** A flood of badges that pass would measure something else. */
export function checkDenied(bytes: Uint8Array): void {
  const { decision } = fromBinary(EvaluateToolAccessResponseSchema, bytes)
  if (decision?.reason !== DenyReason.BADGE_SIGNATURE_INVALID || decision.leaf.length === 0) {
    throw new Error(`Expected a recorded denial of a forged badge, not ${decision?.code ?? 'nothing'}`)
  }
}

/** Whether the record of a decision says that the badge had been verified before. */
export function wasCacheHit(bytes: Uint8Array): boolean {
  const { decision } = fromBinary(EvaluateToolAccessResponseSchema, bytes)
  const record: unknown = JSON.parse(new TextDecoder().decode(decision?.leaf))
  return typeof record === 'object' && record !== null && 'io.capisc.cache_hit' in record
    ? record['io.capisc.cache_hit'] === true
    : false
}
