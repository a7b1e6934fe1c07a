import type { AuthLevel, DenyReason, IdentityAssuranceLevel, TrustLevel } from './enums/decision.ts'
import type { CoreFaultError } from './errors.ts'

interface ToolAccessFacts {
  /** One English sentence for people. */
  readonly message: string
  /** Verified caller: a DID or `apikey:NAME`. Undefined for anonymous callers and credentials that did not verify. */
  readonly principal: string | undefined
  /** `jti` of a verified badge. */
  readonly badgeJti: string | undefined
  /** Kind of credential that was presented. */
  readonly authLevel: AuthLevel
  /** Level of a verified badge. Level 0 is a self-signed identity, undefined is no verified badge. */
  readonly trustLevel: TrustLevel | undefined
  /** Identity assurance level of a verified badge. */
  readonly ial: IdentityAssuranceLevel | undefined
  /** Version of the core's policy that decided. */
  readonly policyVersion: string
  /** Time of the decision, the same as in the record. Time of arrival when the core sent none. */
  readonly time: Date
}

/** The tool may run once, and a record says so. */
export interface AllowedToolAccess extends ToolAccessFacts {
  readonly outcome: 'ALLOW'
  readonly reason: undefined
  readonly code: undefined
  /** UUID of the record. */
  readonly evidenceId: string
  /** Origin of the evidence log that holds the record. */
  readonly logOrigin: string
  /** Position of the record in that log, from 0. */
  readonly leafIndex: bigint
  /** The record, exactly the bytes that the log hashes. */
  readonly leaf: Uint8Array
  /** The same as text. */
  readonly evidenceJson: string
  readonly fault: undefined
}

/** The tool must not run. */
export interface DeniedToolAccess extends ToolAccessFacts {
  readonly outcome: 'DENY'
  readonly reason: DenyReason
  /** Stable code of the reason, such as `TOOL_TRUST_INSUFFICIENT`. */
  readonly code: string
  /** As in `AllowedToolAccess`; undefined when no record could be written. */
  readonly evidenceId: string | undefined
  readonly logOrigin: string | undefined
  readonly leafIndex: bigint | undefined
  readonly leaf: Uint8Array | undefined
  readonly evidenceJson: string | undefined
  /** Set when the core's answer itself was wrong, such as an ALLOW without its record. */
  readonly fault: CoreFaultError | undefined
}

/** The answer to one question. Frozen; `JSON.stringify` gives the leaf index as a string and the record as text. */
export type ToolAccess = AllowedToolAccess | DeniedToolAccess
