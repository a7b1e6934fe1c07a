import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'

/**
 * Stands where a source of revocation and agent status is not available: every question
 * is unanswerable, so every badge that needs an answer is denied.
 */
export const unavailableBadgeStatus: BadgeStatusSource = {
  isRevoked: async () => {
    throw new SourceUnavailable('This core has no source of revocations; use profile dev for trials without one')
  },
  isAgentActive: async () => {
    throw new SourceUnavailable('This core has no source of agent status; use profile dev for trials without one')
  },
}
