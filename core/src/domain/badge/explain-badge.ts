import { type BadgeRefusalCode, BadgeRefused } from './badge-refused.ts'
import { type StepObserver, VERIFICATION_STEPS, type VerificationStep } from './verification-steps.ts'
import {
  type BadgeDemands,
  type VerificationRules,
  type VerificationSources,
  type VerifiedBadge,
  verifyBadge,
} from './verify-badge.ts'

/** What became of one step of badges.md §8.2. */
export interface ExplainedStep {
  readonly id: VerificationStep
  readonly title: string
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'not-reached'
  /** Of the failed step. */
  readonly code?: BadgeRefusalCode
  /** Why the step failed or was skipped. Holds no part of the token. */
  readonly detail?: string
}

export interface BadgeExplanation {
  /** Every step, in order. At most one failed; all after it were not reached. */
  readonly steps: readonly ExplainedStep[]
  readonly result:
    | { readonly ok: true; readonly badge: VerifiedBadge }
    | { readonly ok: false; readonly refused: BadgeRefused }
}

/**
 * Verifies a badge and tells how every step went. It runs the one procedure, `verifyBadge`,
 * and watches it, so that what it tells is what happened.
 *
 * @param token attacker-controlled
 * @throws whatever is not a refusal of the badge: a fault of a collaborator
 */
export async function explainBadge(
  token: string,
  demands: BadgeDemands,
  sources: VerificationSources,
  rules: VerificationRules,
): Promise<BadgeExplanation> {
  const log = createStepLog()
  try {
    const { badge } = await verifyBadge(token, demands, undefined, sources, rules, log)
    return { steps: log.end(undefined), result: { ok: true, badge } }
  } catch (refused) {
    if (!(refused instanceof BadgeRefused)) throw refused
    return { steps: log.end(refused), result: { ok: false, refused } }
  }
}

interface StepLog extends StepObserver {
  /** What became of all steps, once the procedure ended at the one it was at. */
  end(refused: BadgeRefused | undefined): readonly ExplainedStep[]
}

type Outcome = Omit<ExplainedStep, 'id' | 'title'>

function createStepLog(): StepLog {
  const outcomes = new Map<VerificationStep, Outcome>()
  let current: VerificationStep | undefined
  const leave = (outcome: Outcome): void => {
    if (current !== undefined) outcomes.set(current, outcome)
  }
  return {
    at(step) {
      leave({ outcome: 'passed' })
      current = step
    },
    skipped: (step, why) => void outcomes.set(step, { outcome: 'skipped', detail: why }),
    end(refused) {
      leave(refused ? { outcome: 'failed', code: refused.code, detail: refused.message } : { outcome: 'passed' })
      return VERIFICATION_STEPS.map((step) => ({ ...step, ...(outcomes.get(step.id) ?? { outcome: 'not-reached' }) }))
    },
  }
}
