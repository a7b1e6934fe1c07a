import { BadgeRefused } from './badge-refused.ts'

/** Whom a badge must be for. */
export interface AudienceDemand {
  /** The verifier's own identifiers. May be empty. */
  readonly own: readonly string[]
  /** Whether a badge for everybody, without `aud`, is refused. */
  readonly required: boolean
  /**
   * One list per policy rule that asks for an audience; the badge must name at least one
   * entry of each. A badge without `aud` names none of them.
   */
  readonly alsoOneOf: readonly (readonly string[])[]
}

/**
 * Step 6e of badges.md §8.2 by the table of badges.md §8.4. Entries are compared as exact texts.
 *
 * Where the verifier has no identifiers of its own, the rules' lists are its identity;
 * where there are none either, it cannot be named, and every badge with `aud` is for
 * somebody else.
 *
 * @param audience `aud` of the badge; `undefined` when it has none
 * @throws {BadgeRefused} BADGE_AUDIENCE_MISMATCH
 */
export function checkAudience(audience: readonly string[] | undefined, demand: AudienceDemand): void {
  const { own, required, alsoOneOf } = demand
  if (audience === undefined) {
    if (required || alsoOneOf.length > 0) {
      throw mismatch('The badge names no audience, and one is required: ask the issuer for a badge with aud.')
    }
    return
  }
  const lists = own.length > 0 ? [own, ...alsoOneOf] : alsoOneOf
  if (lists.length === 0) {
    throw mismatch('The badge is for a named audience, and whoever verifies it has no name: configure an audience.')
  }
  if (!lists.every((list) => list.some((entry) => audience.includes(entry)))) {
    throw mismatch('The badge is for another audience.')
  }
}

function mismatch(message: string): BadgeRefused {
  return new BadgeRefused('BADGE_AUDIENCE_MISMATCH', message)
}
