import type { BadgeStatusSource } from '../../ports/badge-status.ts'

/**
 * The fixture that profile `dev` uses in place of an issuer's status service (RFC-002
 * profiles table): no badge is revoked and every agent is active.
 */
export const fixtureBadgeStatus: BadgeStatusSource = {
  isRevoked: async () => ({ answer: false }),
  isAgentActive: async () => ({ answer: true }),
}
