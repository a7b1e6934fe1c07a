import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { LocalRevocations } from './local-revocations.ts'

/**
 * The standing of every badge: what the operator of this core revoked, then what its
 * issuer says. The first needs nobody's answer, so it holds at level 0 and while
 * everything else is out of reach.
 */
export function createBadgeStatus(
  local: Pick<LocalRevocations, 'isRevoked'>,
  issuers: ReadonlyMap<string, BadgeStatusSource>,
): BadgeStatusSource {
  function standingAt(issuer: string): BadgeStatusSource {
    const standing = issuers.get(issuer)
    if (standing === undefined) throw new SourceUnavailable(`${issuer} is not a configured issuer`)
    return standing
  }
  return {
    async isRevoked(badge) {
      if (local.isRevoked(badge)) return { answer: true }
      if (badge.level === 0) return { answer: false }
      const status = await standingAt(badge.issuer).isRevoked(badge)
      // Revoked while the issuer was asked: in force at once means here, too.
      return local.isRevoked(badge) ? { answer: true } : status
    },
    async isAgentActive(badge) {
      if (badge.level === 0) return { answer: true }
      return standingAt(badge.issuer).isAgentActive(badge)
    },
  }
}
