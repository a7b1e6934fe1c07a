/** Largest entry that the log can hold: entry bundles have a 16-bit length (evidence-log §2). */
export const MAX_ENTRY_BYTES = 65_535

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
  readonly coreVersion: string
  readonly sdk?: string | undefined
  readonly traceparent?: string | undefined
  /** The MCP server's label for its own policy. */
  readonly requestPolicyVersion?: string | undefined
}

const utf8 = new TextEncoder()

/**
 * The bytes of a record: canonical JSON (RFC 8785), flat, UTF-8.
 *
 * `JSON.stringify` writes strings and integers as RFC 8785 does and keeps the order of
 * keys, so it is enough to list them sorted by UTF-16 code unit, as below. Lone
 * surrogates have no UTF-8 form and become U+FFFD.
 *
 * @throws RangeError when the entry would exceed 65535 bytes, the time is outside the
 *   years 0 to 9999, or a level is not an integer
 */
export function encodeRecord(record: EvidenceRecord): Uint8Array {
  const json = JSON.stringify({
    'capiscio.agent.did': text(record.agentDid),
    'capiscio.auth.level': record.authLevel,
    'capiscio.badge.jti': optional(record.badgeJti),
    'capiscio.decision': record.decision,
    'capiscio.deny_reason': optional(record.denyReason),
    'capiscio.policy_version': text(record.policyVersion),
    'capiscio.target': text(record.target),
    'capiscio.tool.params_hash': optional(record.paramsHash),
    'event.name': 'capiscio.tool_invocation',
    id: text(record.id),
    'io.capisc.cache_hit': record.cacheHit,
    'io.capisc.core_version': text(record.coreVersion),
    'io.capisc.ial': record.ial === undefined ? undefined : integer(record.ial, 'ial'),
    'io.capisc.reason': optional(record.reason),
    'io.capisc.request_policy_version': optional(record.requestPolicyVersion),
    'io.capisc.sdk': optional(record.sdk),
    'io.capisc.server_origin': optional(record.serverOrigin),
    'io.capisc.traceparent': optional(record.traceparent),
    timestamp: timestamp(record.atMs),
    trust_level: integer(record.trustLevel, 'trustLevel'),
  })
  const bytes = utf8.encode(json)
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw new RangeError(
      `An evidence record has at most ${MAX_ENTRY_BYTES} bytes, not ${bytes.length}. Bound its strings.`,
    )
  }
  return bytes
}

function text(value: string): string {
  return value.toWellFormed()
}

/** `JSON.stringify` leaves out members that are undefined. */
function optional(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : text(value)
}

function integer(value: number, name: string): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be an integer, not ${value}.`)
  return value
}

/** RFC 3339 in UTC with nine fraction digits; the clock has milliseconds, so six are zero. */
function timestamp(atMs: number): string {
  const iso = new Date(atMs).toISOString()
  // Years outside 0 to 9999 get a sign and six digits, which RFC 3339 does not know.
  if (iso.length !== 24) throw new RangeError(`The time ${iso} cannot be written as RFC 3339.`)
  return `${iso.slice(0, -1)}000000Z`
}
