import type { BadgeStatusSource } from '../../core/src/ports/badge-status.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

/** Revocations and agents in memory. Everybody is in good standing until said otherwise. */
export interface MemoryBadgeStatus extends BadgeStatusSource {
  /** Revoked by their issuer: `jti`s of level 1 to 4 badges. */
  readonly revoked: Set<string>
  readonly disabled: Set<string>
  /** Revoked by the operator, at every level: `jti`s and subjects. */
  readonly locallyRevoked: Set<string>
  /** Which of the two questions cannot be answered now. */
  readonly unanswerable: Set<'isRevoked' | 'isAgentActive'>
  /** What issuers were asked so far: `issuer jti` and `issuer did`. */
  readonly asked: readonly string[]
}

export function createMemoryBadgeStatus(): MemoryBadgeStatus {
  const revoked = new Set<string>()
  const disabled = new Set<string>()
  const locallyRevoked = new Set<string>()
  const unanswerable = new Set<'isRevoked' | 'isAgentActive'>()
  const asked: string[] = []
  const refuseIf = (question: 'isRevoked' | 'isAgentActive'): void => {
    if (unanswerable.has(question)) throw new SourceUnavailable(`${question} has no answer`)
  }
  return {
    revoked,
    disabled,
    locallyRevoked,
    unanswerable,
    asked,
    async isRevoked({ issuer, jti, subject, level }) {
      if (locallyRevoked.has(jti) || locallyRevoked.has(subject)) return { answer: true }
      if (level === 0) return { answer: false }
      asked.push(`${issuer} ${jti}`)
      if (revoked.has(jti)) return { answer: true }
      refuseIf('isRevoked')
      return { answer: false, ageMs: 0 }
    },
    async isAgentActive({ issuer, subject, level }) {
      if (level === 0) return { answer: true }
      asked.push(`${issuer} ${subject}`)
      refuseIf('isAgentActive')
      return { answer: !disabled.has(subject), ageMs: 0 }
    },
  }
}
