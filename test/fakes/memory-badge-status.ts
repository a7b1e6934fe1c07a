import type { BadgeStatusSource } from '../../core/src/ports/badge-status.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

/** Revocations and agents in memory. Everybody is in good standing until said otherwise. */
export interface MemoryBadgeStatus extends BadgeStatusSource {
  readonly revoked: Set<string>
  readonly disabled: Set<string>
  /** Which of the two questions cannot be answered now. */
  readonly unanswerable: Set<'isRevoked' | 'isAgentActive'>
  /** Questions so far: `issuer jti` and `issuer did`. */
  readonly asked: readonly string[]
}

export function createMemoryBadgeStatus(): MemoryBadgeStatus {
  const revoked = new Set<string>()
  const disabled = new Set<string>()
  const unanswerable = new Set<'isRevoked' | 'isAgentActive'>()
  const asked: string[] = []
  const refuseIf = (question: 'isRevoked' | 'isAgentActive'): void => {
    if (unanswerable.has(question)) throw new SourceUnavailable(`${question} has no answer`)
  }
  return {
    revoked,
    disabled,
    unanswerable,
    asked,
    async isRevoked({ issuer, jti }) {
      asked.push(`${issuer} ${jti}`)
      refuseIf('isRevoked')
      return revoked.has(jti)
    },
    async isAgentActive({ issuer, did }) {
      asked.push(`${issuer} ${did}`)
      refuseIf('isAgentActive')
      return !disabled.has(did)
    },
  }
}
