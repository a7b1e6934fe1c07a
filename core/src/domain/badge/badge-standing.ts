import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { BadgeRefused } from './badge-refused.ts'
import type { UnverifiedBadge } from './parse-badge.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/**
 * Steps 8 and 9 of badges.md §8.2: the badge is not revoked and its subject may act. Asked
 * for every decision. A self-signed badge has nobody to ask; it just runs out.
 *
 * Both questions go out together; the answers count in the order of the steps.
 *
 * @throws {BadgeRefused} BADGE_REVOKED, BADGE_AGENT_DISABLED, REVOCATION_CHECK_FAILED
 */
export async function checkStanding(
  { level, issuer, jti, subject }: Pick<UnverifiedBadge, 'level' | 'issuer' | 'jti' | 'subject'>,
  status: BadgeStatusSource,
  observer: StepObserver = UNOBSERVED,
): Promise<void> {
  if (level === 0) {
    for (const step of ['8', '9'] as const) observer.skipped(step, 'A self-signed badge has no issuer to ask.')
    return
  }
  observer.at('8')
  const [revoked, active] = await Promise.allSettled([
    status.isRevoked({ issuer, jti }),
    status.isAgentActive({ issuer, did: subject }),
  ])
  if (answerOf(revoked, 'Whether the badge was revoked') !== false) {
    throw new BadgeRefused('BADGE_REVOKED', `The badge ${jti} was revoked by its issuer.`)
  }
  observer.at('9')
  if (answerOf(active, 'Whether the agent is active') !== true) {
    throw new BadgeRefused('BADGE_AGENT_DISABLED', `The agent ${subject} is not active at its issuer.`)
  }
}

function answerOf(settled: PromiseSettledResult<boolean>, question: string): boolean {
  if (settled.status === 'fulfilled') return settled.value
  const cause: unknown = settled.reason
  if (!(cause instanceof SourceUnavailable)) throw cause
  throw new BadgeRefused('REVOCATION_CHECK_FAILED', `${question} is not known now, so it does not count.`, { cause })
}
