import type { StatusWarning } from '../../ports/badge-status.ts'

/**
 * Where answers about a badge come from (badges.md §9.1): a live call for each decision;
 * a live call, and what is remembered when it fails; or what is remembered alone.
 */
export type StatusMode = 'online' | 'hybrid' | 'offline'

/** What the issuer says now. `good` means not revoked, or active. */
export type LiveAnswer = 'good' | 'bad' | 'failed' | 'not-asked'

/** What is remembered. `bad` counts however old it is, `good` only while it is fresh. */
export type RememberedAnswer = 'good' | 'bad' | 'stale' | 'none'

export interface StatusKnowledge {
  readonly mode: StatusMode
  /** Trust level of the badge. */
  readonly level: number
  readonly live: LiveAnswer
  readonly remembered: RememberedAnswer
  /** Whether `bad` can never become `good` again: true of a revocation, not of a disabled agent. */
  readonly badIsFinal: boolean
}

export interface StatusTolerance {
  /** A level 1 badge may pass without a fresh answer, outside mode `online`. */
  readonly staleAtLevelOne: boolean
  /** Every badge may pass without a fresh answer. Only profile `dev` permits it. */
  readonly failOpen: boolean
}

/** The answer; or `unknown`, which fails closed; or why it counts as good without being known. */
export type StatusVerdict = 'good' | 'bad' | 'unknown' | StatusWarning

/** The decision matrix of badges.md §9.2, the same for revocation and for agent status. */
export function statusVerdict(knowledge: StatusKnowledge, tolerance: StatusTolerance): StatusVerdict {
  const { mode, level, live, remembered, badIsFinal } = knowledge
  if (level === 0) return 'good'
  if (live === 'bad') return 'bad'
  if (remembered === 'bad' && (badIsFinal || live !== 'good')) return 'bad'
  if (live === 'good') return 'good'
  if (remembered === 'good' && mode !== 'online') return 'good'
  if (tolerance.failOpen) return 'STATUS_FAIL_OPEN'
  if (level === 1 && mode !== 'online' && tolerance.staleAtLevelOne) return 'STATUS_STALE_AT_LEVEL_1'
  return 'unknown'
}
