import { isReservedIssuer } from '../trust/issuer-origin.ts'
import type { TrustedIssuers } from '../trust/trusted-issuers.ts'
import { BadgeRefused } from './badge-refused.ts'
import type { UnverifiedBadge } from './parse-badge.ts'

/**
 * Step 4-pre of badges.md §8.2. Comes before any key is looked up: the issuer is whatever
 * the badge says, and nothing may be fetched or searched for a stranger.
 *
 * @param rejectReserved refuse issuers under `.invalid` even if trusted; on in production
 * @throws {BadgeRefused} BADGE_ISSUER_UNTRUSTED
 */
export function checkIssuerTrust(
  { level, issuer }: Pick<UnverifiedBadge, 'level' | 'issuer'>,
  issuers: TrustedIssuers,
  rejectReserved: boolean,
): void {
  if (level === 0) {
    if (!issuers.trustsSelfSigned(issuer)) {
      throw untrusted(`The badge is self-signed, and ${issuer} is not trusted for this call.`)
    }
    return
  }
  if (!issuers.trustsIssuer(issuer)) throw untrusted(`The issuer ${issuer} is not trusted for this call.`)
  if (rejectReserved && isReservedIssuer(issuer)) {
    throw untrusted(`The issuer ${issuer} is reserved for development.`)
  }
}

function untrusted(message: string): BadgeRefused {
  return new BadgeRefused('BADGE_ISSUER_UNTRUSTED', message)
}
