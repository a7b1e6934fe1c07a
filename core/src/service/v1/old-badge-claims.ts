import type { MessageInitShape } from '@bufbuild/protobuf'
import type { BadgeClaimsSchema } from '@capiscio/proto/v1'
import type { BadgeClaims } from '../../domain/badge/badge-claims.ts'
import { toOldTrustLevel } from './old-trust-level.ts'

/** What a badge says, in the old message. Its `agent_name` and `scope` are no claims of RFC-002 and stay empty. */
export function toOldBadgeClaims(
  badge: Omit<BadgeClaims, 'subjectKey' | 'confirmedKeyId'>,
): MessageInitShape<typeof BadgeClaimsSchema> {
  return {
    jti: badge.jti,
    iss: badge.issuer,
    sub: badge.subject,
    iat: BigInt(badge.issuedAt),
    exp: BigInt(badge.expiresAt),
    nbf: BigInt(badge.notBefore ?? 0),
    aud: [...(badge.audience ?? [])],
    trustLevel: toOldTrustLevel(badge.level),
    domain: badge.domain ?? '',
  }
}
