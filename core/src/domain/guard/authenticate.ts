import { type BadgeRefusalCode, BadgeRefused } from '../badge/badge-refused.ts'
import type { BadgeDemands, BadgeVerifier } from '../badge/badge-verifier.ts'
import type { Credential } from './access-request.ts'
import type { ApiKeyRing } from './api-keys.ts'
import { type AuthLevel, NOBODY, type Principal } from './decision.ts'
import { Denial } from './denial.ts'
import type { DenyReason } from './deny-reason.ts'

/** RFC-002 codes under the names that decisions use. */
const REASONS: Readonly<Record<BadgeRefusalCode, DenyReason>> = {
  BADGE_MALFORMED: 'BADGE_MALFORMED',
  BADGE_CLAIMS_INVALID: 'BADGE_CLAIMS_INVALID',
  BADGE_ISSUER_UNTRUSTED: 'ISSUER_UNTRUSTED',
  BADGE_SIGNATURE_INVALID: 'BADGE_SIGNATURE_INVALID',
  BADGE_EXPIRED: 'BADGE_EXPIRED',
  BADGE_NOT_YET_VALID: 'BADGE_NOT_YET_VALID',
  BADGE_AUDIENCE_MISMATCH: 'BADGE_AUDIENCE_MISMATCH',
  BADGE_REVOKED: 'BADGE_REVOKED',
  BADGE_AGENT_DISABLED: 'AGENT_DISABLED',
  REVOCATION_CHECK_FAILED: 'STATUS_CHECK_FAILED',
}

/** The caller, and how that is known. */
export interface Authenticated {
  readonly principal: Principal
  /** Whether the badge's facts came from the cache; absent without a badge. */
  readonly cacheHit?: boolean
  /** Age of what is known about the badge's revocation, in milliseconds; absent when nobody was asked. */
  readonly revocationAgeMs?: number | undefined
  /** `iss` and `exp` of the badge, in Unix seconds; absent without one. */
  readonly issuer?: string
  readonly expiresAt?: number
}

/** The tier that a credential belongs to, valid or not. */
export function authLevelOf(credential: Credential): AuthLevel {
  switch (credential.kind) {
    case 'badge':
      return 'badge'
    case 'apiKey':
      return 'apikey'
    case 'anonymous':
      return 'anonymous'
  }
}

/**
 * Establishes who calls (guard.md §4 step 3). After this the credential itself is not
 * used again: only the principal goes on.
 *
 * @throws {Denial} when the credential does not verify. Nobody becomes anonymous by
 *   presenting a bad credential.
 */
export async function authenticate(
  credential: Credential,
  demands: BadgeDemands,
  { badges, apiKeys }: { readonly badges: Pick<BadgeVerifier, 'verify'>; readonly apiKeys: ApiKeyRing },
): Promise<Authenticated> {
  switch (credential.kind) {
    case 'anonymous':
      return { principal: NOBODY }
    case 'apiKey': {
      const name = apiKeys.lookup(credential.key)
      if (name === undefined) {
        throw new Denial('API_KEY_UNKNOWN', 'The API key is not configured at this core.')
      }
      return { principal: { ...NOBODY, name: `apikey:${name}` } }
    }
    case 'badge':
      try {
        const { subject, jti, level, ial, issuer, expiresAt, cacheHit, standing } = await badges.verify(
          credential.token,
          demands,
        )
        const principal = { name: subject, badgeJti: jti, trustLevel: level, ial }
        return { principal, cacheHit, revocationAgeMs: standing.revocationAgeMs, issuer, expiresAt }
      } catch (refused) {
        if (!(refused instanceof BadgeRefused)) throw refused
        throw new Denial(REASONS[refused.code], refused.message, { cause: refused })
      }
  }
}
