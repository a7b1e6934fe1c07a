import { encodeSortedFields, integer, optional, text, timestamp } from './record-fields.ts'

export { MAX_ENTRY_BYTES } from './record-fields.ts'

/** What `event.name` says in a record of this kind (RFC-006 §5). */
export const DECISION_EVENT = 'capiscio.tool_invocation'

/** How the caller presented itself, in RFC-006 spelling. */
export type RecordedAuthLevel = 'badge+envelope' | 'badge' | 'apikey' | 'anonymous'

/**
 * One decision as the log keeps it (RFC-006 §5 and our `io.capisc.` extensions).
 *
 * Strings may hold anything: they are attacker-controlled. Whoever builds a record bounds
 * their length. Absent and empty mean the same where `undefined` is allowed.
 */
export interface EvidenceRecord {
  /** Evidence id, a version 4 UUID. */
  readonly id: string
  /** Wall clock at evaluation, milliseconds since the Unix epoch. */
  readonly atMs: number
  /** The verified principal, or empty. */
  readonly agentDid: string
  readonly badgeJti?: string | undefined
  readonly authLevel: RecordedAuthLevel
  /** The tool's name. */
  readonly target: string
  /** Version of the core's own policy. */
  readonly policyVersion: string
  readonly decision: 'ALLOW' | 'DENY'
  /** RFC-006 code of a denial. */
  readonly denyReason?: string | undefined
  readonly paramsHash?: string | undefined
  /** 0 when the caller has none. */
  readonly trustLevel: number
  readonly serverOrigin?: string | undefined
  readonly ial?: number | undefined
  /** `capiscio.core.v1` reason name of a denial, finer than its code. */
  readonly reason?: string | undefined
  /** Whether the badge came from the cache of verified badges. */
  readonly cacheHit?: boolean | undefined
  /** Age of what was known about revocation, in whole seconds; absent when nothing was asked. */
  readonly revocationAgeSeconds?: number | undefined
  readonly coreVersion: string
  readonly sdk?: string | undefined
  readonly traceparent?: string | undefined
  /** The MCP server's label for its own policy. */
  readonly requestPolicyVersion?: string | undefined
}

/**
 * The bytes of a record: canonical JSON (RFC 8785), flat, UTF-8.
 *
 * @throws RangeError when the entry would exceed 65535 bytes, the time is outside the
 *   years 0 to 9999, or a level is not an integer
 */
export function encodeRecord(record: EvidenceRecord): Uint8Array {
  return encodeSortedFields({
    'capiscio.agent.did': text(record.agentDid),
    'capiscio.auth.level': record.authLevel,
    'capiscio.badge.jti': optional(record.badgeJti),
    'capiscio.decision': record.decision,
    'capiscio.deny_reason': optional(record.denyReason),
    'capiscio.policy_version': text(record.policyVersion),
    'capiscio.target': text(record.target),
    'capiscio.tool.params_hash': optional(record.paramsHash),
    'event.name': DECISION_EVENT,
    id: text(record.id),
    'io.capisc.cache_hit': record.cacheHit,
    'io.capisc.core_version': text(record.coreVersion),
    'io.capisc.ial': record.ial === undefined ? undefined : integer(record.ial, 'ial'),
    'io.capisc.reason': optional(record.reason),
    'io.capisc.request_policy_version': optional(record.requestPolicyVersion),
    'io.capisc.revocation_age':
      record.revocationAgeSeconds === undefined
        ? undefined
        : integer(record.revocationAgeSeconds, 'revocationAgeSeconds'),
    'io.capisc.sdk': optional(record.sdk),
    'io.capisc.server_origin': optional(record.serverOrigin),
    'io.capisc.traceparent': optional(record.traceparent),
    timestamp: timestamp(record.atMs),
    trust_level: integer(record.trustLevel, 'trustLevel'),
  })
}
