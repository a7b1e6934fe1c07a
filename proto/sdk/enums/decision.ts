/** Whether the tool may run. */
export const Outcome = { ALLOW: 'ALLOW', DENY: 'DENY' } as const
export type Outcome = (typeof Outcome)[keyof typeof Outcome]

/** Kind of credential that the caller presented, spelled as in evidence records. It does not say that it was valid. */
export const AuthLevel = {
  ANONYMOUS: 'anonymous',
  API_KEY: 'apikey',
  BADGE: 'badge',
  BADGE_ENVELOPE: 'badge+envelope',
} as const
export type AuthLevel = (typeof AuthLevel)[keyof typeof AuthLevel]

/** Trust levels of badges: self-signed, registered, domain, organization and extended validation. */
export const TrustLevel = { LEVEL_0: 0, LEVEL_1: 1, LEVEL_2: 2, LEVEL_3: 3, LEVEL_4: 4 } as const
export type TrustLevel = (typeof TrustLevel)[keyof typeof TrustLevel]

/** Identity assurance levels of badges: 1 is bound to a key that the caller proved to hold. */
export type IdentityAssuranceLevel = 0 | 1

/** Why the outcome is DENY. The contract in `decision.proto` describes each reason and the code that goes with it. */
export const DenyReason = {
  BADGE_MISSING: 'BADGE_MISSING',
  API_KEY_UNKNOWN: 'API_KEY_UNKNOWN',
  BADGE_MALFORMED: 'BADGE_MALFORMED',
  BADGE_CLAIMS_INVALID: 'BADGE_CLAIMS_INVALID',
  BADGE_SIGNATURE_INVALID: 'BADGE_SIGNATURE_INVALID',
  BADGE_NOT_YET_VALID: 'BADGE_NOT_YET_VALID',
  BADGE_AUDIENCE_MISMATCH: 'BADGE_AUDIENCE_MISMATCH',
  STATUS_CHECK_FAILED: 'STATUS_CHECK_FAILED',
  BADGE_EXPIRED: 'BADGE_EXPIRED',
  BADGE_REVOKED: 'BADGE_REVOKED',
  AGENT_DISABLED: 'AGENT_DISABLED',
  TRUST_INSUFFICIENT: 'TRUST_INSUFFICIENT',
  IAL_INSUFFICIENT: 'IAL_INSUFFICIENT',
  TOOL_NOT_ALLOWED: 'TOOL_NOT_ALLOWED',
  ISSUER_UNTRUSTED: 'ISSUER_UNTRUSTED',
  POLICY_DENIED: 'POLICY_DENIED',
  SCOPE_INSUFFICIENT: 'SCOPE_INSUFFICIENT',
  ENVELOPE_INVALID: 'ENVELOPE_INVALID',
  ENVELOPE_EXPIRED: 'ENVELOPE_EXPIRED',
  EVIDENCE_UNAVAILABLE: 'EVIDENCE_UNAVAILABLE',
  INTERNAL: 'INTERNAL',
} as const
export type DenyReason = (typeof DenyReason)[keyof typeof DenyReason]

/** How strictly envelopes and policy decision points are enforced (RFC-008). A mode can only tighten the core's own. */
export const EnforcementMode = {
  OBSERVE: 'EM-OBSERVE',
  GUARD: 'EM-GUARD',
  DELEGATE: 'EM-DELEGATE',
  STRICT: 'EM-STRICT',
} as const
export type EnforcementMode = (typeof EnforcementMode)[keyof typeof EnforcementMode]
