import { describe, expect, it } from 'vitest'
import { checkStanding } from '../../../../core/src/domain/badge/badge-standing.ts'
import type { StatusAnswer } from '../../../../core/src/ports/badge-status.ts'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'
import { createMemoryBadgeStatus } from '../../../fakes/memory-badge-status.ts'
import { inQuestion } from '../../../fakes/revocation-world.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const answering = (revoked: StatusAnswer, active: StatusAnswer) => ({
  isRevoked: async () => revoked,
  isAgentActive: async () => active,
})

describe('the standing of a badge', () => {
  it('tells how old the knowledge is that it was not revoked', async () => {
    const source = answering({ answer: false, ageMs: 1_234 }, { answer: true, ageMs: 99_999 })
    expect(await checkStanding(inQuestion(), source)).toEqual({ revocationAgeMs: 1_234, warnings: [] })
  })

  it('tells no age where knowledge does not age', async () => {
    const source = answering({ answer: false }, { answer: true })
    expect(await checkStanding(inQuestion(), source)).toEqual({ revocationAgeMs: undefined, warnings: [] })
  })

  it('tells each reason once why an answer counted although it was not fresh', async () => {
    const stale = 'STATUS_STALE_AT_LEVEL_1'
    const source = answering({ answer: false, warning: stale }, { answer: true, warning: stale })
    expect((await checkStanding(inQuestion(), source)).warnings).toEqual([stale])
    const both = answering({ answer: false, warning: stale }, { answer: true, warning: 'STATUS_FAIL_OPEN' })
    expect((await checkStanding(inQuestion(), both)).warnings).toEqual([stale, 'STATUS_FAIL_OPEN'])
  })

  it.each(['jti', 'subject'] as const)('of level 0 ends when the operator revokes its %s', async (what) => {
    const status = createMemoryBadgeStatus()
    const badge = inQuestion({ level: 0 })
    expect(await checkStanding(badge, status)).toEqual({ revocationAgeMs: undefined, warnings: [] })
    status.locallyRevoked.add(badge[what])
    expect(await rejectionOf(checkStanding(badge, status))).toBe('BadgeRefused BADGE_REVOKED')
    expect(status.asked).toEqual([])
  })

  it('of a revoked badge is told without waiting for an answer about its agent, which is asked for at once', async () => {
    let asked = 0
    const source = {
      isRevoked: async () => ({ answer: true }),
      isAgentActive: () => {
        asked++
        return new Promise<StatusAnswer>(() => {})
      },
    }
    expect(await rejectionOf(checkStanding(inQuestion(), source))).toBe('BadgeRefused BADGE_REVOKED')
    expect(asked).toBe(1)
  })

  it.each(['isRevoked', 'isAgentActive'] as const)(
    'that nobody knows (%s) is refused with whom to reach, and nothing of what was tried',
    async (unanswered) => {
      const source = {
        ...answering({ answer: false }, { answer: true }),
        [unanswered]: async () => {
          throw new SourceUnavailable('http://10.0.0.7:8787 takes no connection')
        },
      }
      const badge = inQuestion()
      const refused = await checkStanding(badge, source).catch((thrown: unknown) => thrown)
      expect(refused).toMatchObject({ code: 'REVOCATION_CHECK_FAILED', retryable: true })
      expect(String(refused)).toContain(`no fresh answer of ${badge.issuer}. Try again later.`)
      expect(String(refused)).not.toContain('10.0.0.7')
    },
  )

  it('passes on what is needed to answer, and nothing else of the badge', async () => {
    const seen: unknown[] = []
    const source = {
      isRevoked: async (badge: unknown) => {
        seen.push(badge)
        return { answer: false }
      },
      isAgentActive: async (badge: unknown) => {
        seen.push(badge)
        return { answer: true }
      },
    }
    await checkStanding({ ...inQuestion(), token: 'secret' } as ReturnType<typeof inQuestion>, source)
    expect(seen).toEqual([inQuestion(), inQuestion()])
  })
})
