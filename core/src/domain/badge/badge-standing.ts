import type { BadgeInQuestion, BadgeStatusSource, StatusAnswer, StatusWarning } from '../../ports/badge-status.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { BadgeRefused } from './badge-refused.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/** What the answers about a badge in good standing rest on. */
export interface Standing {
  /**
   * Age of the knowledge that the badge was not revoked, in milliseconds. Absent where it
   * does not age, at level 0 and with the fixture of profile `dev`, and where there is none.
   */
  readonly revocationAgeMs: number | undefined
  /** Why an answer counted although it was not fresh, each once. Empty in the usual case. */
  readonly warnings: readonly StatusWarning[]
}

/**
 * Steps 8 and 9 of badges.md §8.2: the badge is not revoked and its subject may act. Asked
 * for every decision. A self-signed badge has no issuer to ask; it is over when it runs out
 * or when the operator of this core revoked it.
 *
 * Both questions go out together; the answers count in the order of the steps, and a revoked
 * badge waits for nobody.
 *
 * @throws {BadgeRefused} BADGE_REVOKED, BADGE_AGENT_DISABLED, REVOCATION_CHECK_FAILED
 */
export async function checkStanding(
  { level, issuer, jti, subject }: BadgeInQuestion,
  status: BadgeStatusSource,
  observer: StepObserver = UNOBSERVED,
): Promise<Standing> {
  const badge = { level, issuer, jti, subject }
  if (level === 0) {
    const [revoked] = await Promise.allSettled([status.isRevoked(badge)])
    const revocation = notRevoked(revoked, badge, observer)
    for (const step of ['8', '9'] as const) observer.skipped(step, 'A self-signed badge has no issuer to ask.')
    return standingOf(revocation)
  }
  observer.at('8')
  const aboutBadge = Promise.allSettled([status.isRevoked(badge)])
  const aboutAgent = Promise.allSettled([status.isAgentActive(badge)])
  const [revoked] = await aboutBadge
  const revocation = notRevoked(revoked, badge, observer)
  const [active] = await aboutAgent
  observer.at('9')
  const agent = answerOf(active, 'Whether the agent is active', issuer)
  if (agent?.answer !== true) {
    throw new BadgeRefused('BADGE_AGENT_DISABLED', `The agent ${subject} is not active at its issuer.`)
  }
  return standingOf(revocation, agent)
}

function notRevoked(
  settled: PromiseSettledResult<StatusAnswer | undefined>,
  { jti, issuer }: Pick<BadgeInQuestion, 'jti' | 'issuer'>,
  observer: StepObserver,
): StatusAnswer {
  try {
    const revocation = answerOf(settled, 'Whether the badge was revoked', issuer)
    if (revocation?.answer !== false) throw new BadgeRefused('BADGE_REVOKED', `The badge ${jti} was revoked.`)
    return revocation
  } catch (refused) {
    observer.at('8')
    throw refused
  }
}

function standingOf(revocation: StatusAnswer, agent?: StatusAnswer): Standing {
  const warnings = [revocation.warning, agent?.warning].filter((warning) => warning !== undefined)
  return { revocationAgeMs: revocation.ageMs, warnings: [...new Set(warnings)] }
}

function answerOf(
  settled: PromiseSettledResult<StatusAnswer | undefined>,
  question: string,
  issuer: string,
): StatusAnswer | undefined {
  if (settled.status === 'fulfilled') return settled.value
  const cause: unknown = settled.reason
  if (!(cause instanceof SourceUnavailable)) throw cause
  throw new BadgeRefused(
    'REVOCATION_CHECK_FAILED',
    `${question} is not known now: this core has no fresh answer of ${issuer}. Try again later. Its operator sees to it that the apiUrl of this issuer is reached, or its snapshotFile is fresh.`,
    { cause },
  )
}
