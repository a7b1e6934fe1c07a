import type { BadgeClaims } from './badge-claims.ts'
import { BadgeRefused } from './badge-refused.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/**
 * Steps 6a to 6c of badges.md §8.2. The tolerated difference between two clocks widens
 * both ends: a badge passes while `exp > now - skew`, and once `iat` and `nbf` are at most
 * `now + skew`.
 *
 * @throws {BadgeRefused} BADGE_EXPIRED, BADGE_NOT_YET_VALID
 */
export function checkTimes(
  badge: Pick<BadgeClaims, 'issuedAt' | 'expiresAt' | 'notBefore'>,
  nowMs: number,
  skewMs: number,
  observer: StepObserver = UNOBSERVED,
): void {
  const { issuedAt, expiresAt, notBefore } = badge
  observer.at('6a')
  if (!(expiresAt * 1000 > nowMs - skewMs)) {
    throw new BadgeRefused('BADGE_EXPIRED', `The badge expired at ${instant(expiresAt)}: get a new one.`)
  }
  const latestMs = nowMs + skewMs
  observer.at('6b')
  if (!(issuedAt * 1000 <= latestMs)) {
    throw notYet(
      `was issued at ${instant(issuedAt)}, in the future: compare the clocks of the issuer and of this machine`,
    )
  }
  observer.at('6c')
  if (notBefore !== undefined && !(notBefore * 1000 <= latestMs)) {
    throw notYet(`is not valid before ${instant(notBefore)}`)
  }
}

/** RFC 3339 in whole seconds; claims are bounded so that every one has this form. */
function instant(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function notYet(reason: string): BadgeRefused {
  return new BadgeRefused('BADGE_NOT_YET_VALID', `The badge ${reason}.`)
}
