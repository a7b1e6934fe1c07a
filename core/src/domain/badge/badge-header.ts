import { BadgeRefused } from './badge-refused.ts'

export interface BadgeHeader {
  readonly kid: string | undefined
}

/**
 * Step 3a of badges.md §8.2. The same keys sign other things (ownership proofs, handshake
 * nonces), so a badge is only what says `typ: JWT`: otherwise a signed nonce whose text is
 * badge JSON would be a badge (§2.1). Keys named or carried by the header itself (`jwk`,
 * `jku`, `x5u`, `x5c`) play no part.
 *
 * @throws {BadgeRefused} BADGE_MALFORMED
 */
export function parseBadgeHeader(header: Readonly<Record<string, unknown>>): BadgeHeader {
  const { alg, typ, kid } = header
  if (alg !== 'EdDSA') throw malformed('alg must be EdDSA')
  if (typ !== 'JWT') throw malformed('typ must be JWT')
  // No extension is known here, so none may be critical; b64 is one that changes what is signed (RFC 7797).
  if (Object.hasOwn(header, 'crit')) throw malformed('crit must be absent')
  if (Object.hasOwn(header, 'b64')) throw malformed('b64 must be absent')
  if (kid !== undefined && typeof kid !== 'string') throw malformed('kid must be a text')
  return { kid }
}

function malformed(reason: string): BadgeRefused {
  return new BadgeRefused('BADGE_MALFORMED', `The badge has an unusable header: ${reason}.`)
}
