import { type BadgeClaims, parseBadgeClaims } from './badge-claims.ts'
import { parseBadgeHeader } from './badge-header.ts'
import { parseCompactJws } from './compact-jws.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/**
 * A well-formed badge that anybody may have written. It may be refused because of what it
 * says; nothing may be done because of it.
 */
export interface UnverifiedBadge extends BadgeClaims {
  /** The key that the header says signed it. */
  readonly kid: string | undefined
}

/**
 * Steps 1 to 3 of badges.md §8.2: everything that can be said about a badge without a key,
 * a clock or a question to anybody. Depends on the token and the option alone.
 *
 * @param token attacker-controlled
 * @throws {BadgeRefused} BADGE_MALFORMED, BADGE_CLAIMS_INVALID
 */
export function parseBadge(
  token: string,
  options: { readonly requireKey: boolean },
  observer: StepObserver = UNOBSERVED,
): UnverifiedBadge {
  const { header, payload } = parseCompactJws(token, observer)
  observer.at('3a')
  const { kid } = parseBadgeHeader(header)
  return { ...parseBadgeClaims(payload, options, observer), kid }
}
