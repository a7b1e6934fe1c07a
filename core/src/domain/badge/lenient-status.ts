import type { BadgeStatusSource, StatusAnswer } from '../../ports/badge-status.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'

/** Which answers about a badge's standing may be missing. For development only. */
export interface StatusLeniency {
  /** Do not ask whether the badge was revoked. */
  readonly skipRevocation: boolean
  /** Do not ask whether the agent is active. */
  readonly skipAgentStatus: boolean
  /** Let pass what the issuer cannot be asked about now. What it does say counts. */
  readonly failOpen: boolean
}

/**
 * A source of status that lets badges pass unasked. Whoever makes one has made sure that the
 * deployment profile permits it: the verification procedure itself knows no such switch. At
 * level 0 nothing is skipped: only what the operator revoked counts there.
 *
 * @param warn is told once for each answer that was taken for granted
 */
export function createLenientStatus(
  status: BadgeStatusSource,
  { skipRevocation, skipAgentStatus, failOpen }: StatusLeniency,
  warn: (message: string) => void,
): BadgeStatusSource {
  async function assume(
    skip: boolean,
    ask: () => Promise<StatusAnswer>,
    assumed: boolean,
    what: string,
  ): Promise<StatusAnswer> {
    if (skip) {
      warn(`${what} was not asked.`)
      return { answer: assumed }
    }
    try {
      return await ask()
    } catch (cause) {
      if (!failOpen || !(cause instanceof SourceUnavailable)) throw cause
      warn(`${what} is not known now, and was taken for granted.`)
      return { answer: assumed, warning: 'STATUS_FAIL_OPEN' }
    }
  }
  return {
    isRevoked: (badge) =>
      assume(skipRevocation && badge.level > 0, () => status.isRevoked(badge), false, 'Whether the badge was revoked'),
    isAgentActive: (badge) =>
      assume(
        skipAgentStatus && badge.level > 0,
        () => status.isAgentActive(badge),
        true,
        'Whether the agent is active',
      ),
  }
}
