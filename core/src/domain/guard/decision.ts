import type { DenyCode, DenyReason } from './deny-reason.ts'

/** RFC-006 assurance tier: the kind of credential presented, valid or not. */
export type AuthLevel = 'anonymous' | 'apikey' | 'badge'

/** Who the caller is, once verified. */
export interface Principal {
  /** A DID, `apikey:NAME`, or empty for anonymous and unverified callers. */
  readonly name: string
  readonly badgeJti: string | undefined
  readonly trustLevel: 0 | 1 | 2 | 3 | 4 | undefined
  readonly ial: 0 | 1 | undefined
}

/** Nobody: anonymous, or a credential that did not verify. */
export const NOBODY: Principal = { name: '', badgeJti: undefined, trustLevel: undefined, ial: undefined }

/** Allow, or deny with a reason, before anything is recorded. */
export type Verdict = Allowed | Denied

export interface Allowed {
  readonly outcome: 'ALLOW'
}

export interface Denied {
  readonly outcome: 'DENY'
  readonly reason: DenyReason
  /** One sentence for people. Never holds a credential. */
  readonly message: string
}

/** A verdict with its record, which is on stable storage unless it says otherwise. */
export interface Decision {
  readonly outcome: 'ALLOW' | 'DENY'
  readonly reason: DenyReason | undefined
  readonly code: DenyCode | ''
  readonly message: string
  readonly principal: Principal
  readonly authLevel: AuthLevel
  readonly policyVersion: string
  /** Wall clock at evaluation, the same as in the record. */
  readonly atMs: number
  /** Absent only when the record could not be written; the outcome is DENY then. */
  readonly evidence: EvidenceReference | undefined
}

/** Where the record of a decision is. */
export interface EvidenceReference {
  readonly id: string
  readonly origin: string
  readonly index: number
  /** The record's bytes, as stored and hashed. */
  readonly leaf: Uint8Array
}
