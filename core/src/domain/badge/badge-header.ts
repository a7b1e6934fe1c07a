import { BadgeRefused } from './badge-refused.ts'
import { isTokenOf } from './token-type.ts'

/** The algorithms that badges can be signed with (badges.md §2). */
export type BadgeAlgorithm = 'EdDSA' | 'ES256'

export interface BadgeHeader {
  readonly algorithm: BadgeAlgorithm
  readonly kid: string | undefined
}

export interface BadgeHeaderRules {
  /** Also reads badges signed with ES256. Default false. */
  readonly allowEs256?: boolean
  /** Also reads badges whose header has no `typ`, never another one; for development only. Default false. */
  readonly allowMissingTyp?: boolean
}

/** Longest key id that is looked for, in characters. */
const MAX_KID_LENGTH = 1024

/**
 * Step 3a of badges.md §8.2. The same keys sign other things (ownership proofs, handshake
 * nonces), so a badge is only what says `typ: JWT`: otherwise a signed nonce whose text is
 * badge JSON would be a badge (§2.1). Keys named or carried by the header itself (`jwk`,
 * `jku`, `x5u`, `x5c`) play no part.
 *
 * @throws {BadgeRefused} BADGE_MALFORMED
 */
export function parseBadgeHeader(
  header: Readonly<Record<string, unknown>>,
  { allowEs256 = false, allowMissingTyp = false }: BadgeHeaderRules,
): BadgeHeader {
  const { alg, kid } = header
  if (alg !== 'EdDSA' && !(allowEs256 && alg === 'ES256')) {
    throw malformed(`alg must be EdDSA${allowEs256 ? ' or ES256' : ''}`)
  }
  if (!isTokenOf('badge', header) && !(allowMissingTyp && !Object.hasOwn(header, 'typ'))) {
    throw malformed('typ must be JWT')
  }
  // No extension is known here, so none may be critical; b64 is one that changes what is signed (RFC 7797).
  if (Object.hasOwn(header, 'crit')) throw malformed('crit must be absent')
  if (Object.hasOwn(header, 'b64')) throw malformed('b64 must be absent')
  if (kid !== undefined && !(typeof kid === 'string' && kid.length <= MAX_KID_LENGTH)) {
    throw malformed(`kid must be a text of at most ${MAX_KID_LENGTH} characters`)
  }
  return { algorithm: alg === 'ES256' ? 'ES256' : 'EdDSA', kid }
}

function malformed(reason: string): BadgeRefused {
  return new BadgeRefused('BADGE_MALFORMED', `The badge has an unusable header: ${reason}.`)
}
