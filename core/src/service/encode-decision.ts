import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { AuthLevel, type DecisionSchema, DenyReason, Outcome } from '@capiscio/proto/core/v1'
import type { Decision } from '../domain/guard/decision.ts'

/** Kinds of credentials as `capiscio.core.v1` numbers them. */
export const AUTH_LEVELS = {
  anonymous: AuthLevel.ANONYMOUS,
  apikey: AuthLevel.API_KEY,
  badge: AuthLevel.BADGE,
} as const

/** A decision as `capiscio.core.v1` carries it. */
export function encodeDecision(decision: Decision): MessageInitShape<typeof DecisionSchema> {
  const { principal, evidence, reason } = decision
  return {
    outcome: decision.outcome === 'ALLOW' ? Outcome.ALLOW : Outcome.DENY,
    reason: reason === undefined ? DenyReason.UNSPECIFIED : DenyReason[reason],
    code: decision.code,
    message: decision.message,
    principal: principal.name,
    badgeJti: principal.badgeJti ?? '',
    authLevel: AUTH_LEVELS[decision.authLevel],
    ...(principal.trustLevel !== undefined && { trustLevel: principal.trustLevel }),
    ...(principal.ial !== undefined && { ial: principal.ial }),
    policyVersion: decision.policyVersion,
    time: timestampFromMs(decision.atMs),
    ...(evidence && {
      evidenceId: evidence.id,
      logOrigin: evidence.origin,
      leafIndex: BigInt(evidence.index),
      leaf: evidence.leaf,
    }),
  }
}
