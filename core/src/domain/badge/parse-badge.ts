import { type BadgeClaims, parseBadgeClaims } from './badge-claims.ts'
import { type BadgeHeader, type BadgeHeaderRules, parseBadgeHeader } from './badge-header.ts'
import { parseCompactJws } from './compact-jws.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/**
 * A well-formed badge that anybody may have written. It may be refused because of what it
 * says; nothing may be done because of it.
 */
export interface UnverifiedBadge extends BadgeClaims, BadgeHeader {}

/** How a badge is read. What is not said is strict. */
export interface BadgeFormRules extends BadgeHeaderRules {
  /** Refuse badges without `key`. `false` is for development only. */
  readonly requireKey: boolean
}

/**
 * Steps 1 to 3 of badges.md §8.2: everything that can be said about a badge without a key,
 * a clock or a question to anybody. Depends on the token and the rules alone.
 *
 * @param token attacker-controlled
 * @throws {BadgeRefused} BADGE_MALFORMED, BADGE_CLAIMS_INVALID
 */
export function parseBadge(token: string, rules: BadgeFormRules, observer: StepObserver = UNOBSERVED): UnverifiedBadge {
  const { header, payload } = parseCompactJws(token, observer)
  observer.at('3a')
  const signedWith = parseBadgeHeader(header, rules)
  return { ...parseBadgeClaims(payload, rules, observer), ...signedWith }
}
