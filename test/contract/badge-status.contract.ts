import { describe, expect, it } from 'vitest'
import type { BadgeInQuestion, BadgeStatusSource } from '../../core/src/ports/badge-status.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

/** A source about one issuer, and the ways in which the world around it can change. */
export interface StatusUnderTest {
  readonly source: BadgeStatusSource
  readonly badge: BadgeInQuestion
  /** The issuer revokes the badge. */
  revoke(): Promise<void>
  /** The issuer disables its subject. */
  disable(): Promise<void>
  /** The operator of this core revokes the badge, or its subject. */
  revokeLocally(what: 'jti' | 'subject'): Promise<void>
  /** The issuer cannot be asked any more, and whatever was known of it is too old. */
  loseIssuer(): Promise<void>
}

/** What every source of status does, whatever it is made of. */
export function badgeStatusContract(name: string, open: () => Promise<StatusUnderTest>): void {
  const LEVELS = [1, 2, 3, 4] as const

  describe(`${name} keeps the contract of BadgeStatusSource`, () => {
    it('knows a badge that is not revoked and a subject that is active', async () => {
      const { source, badge } = await open()
      expect(await source.isRevoked(badge)).toMatchObject({ answer: false })
      expect(await source.isAgentActive(badge)).toMatchObject({ answer: true })
    })

    it('gives the age of what it knows, which is no negative number', async () => {
      const { source, badge } = await open()
      const { ageMs } = await source.isRevoked(badge)
      expect(ageMs).toBeGreaterThanOrEqual(0)
    })

    it('knows a revoked badge and a disabled subject apart', async () => {
      const { source, badge, revoke, disable } = await open()
      await revoke()
      expect(await source.isRevoked(badge)).toMatchObject({ answer: true })
      expect(await source.isAgentActive(badge)).toMatchObject({ answer: true })
      await disable()
      expect(await source.isAgentActive(badge)).toMatchObject({ answer: false })
    })

    it.each(['jti', 'subject'] as const)(
      'takes a %s that the operator revoked for revoked, at every level',
      async (what) => {
        const { source, badge, revokeLocally, loseIssuer } = await open()
        await revokeLocally(what)
        await loseIssuer()
        for (const level of [0, ...LEVELS]) {
          expect(await source.isRevoked({ ...badge, level })).toMatchObject({ answer: true })
        }
      },
    )

    it('still knows a revocation when the issuer is lost', async () => {
      const { source, badge, revoke, loseIssuer } = await open()
      await revoke()
      expect(await source.isRevoked(badge)).toMatchObject({ answer: true })
      await loseIssuer()
      for (const level of LEVELS) expect(await source.isRevoked({ ...badge, level })).toMatchObject({ answer: true })
    })

    it.each([2, 3, 4])('rejects when it knows nothing fresh about a badge of level %d', async (level) => {
      const { source, badge, loseIssuer } = await open()
      await loseIssuer()
      await expect(source.isRevoked({ ...badge, level })).rejects.toBeInstanceOf(SourceUnavailable)
      await expect(source.isAgentActive({ ...badge, level })).rejects.toBeInstanceOf(SourceUnavailable)
    })

    it('has nobody to ask about a self-signed badge, and never rejects one', async () => {
      const { source, badge, revoke, disable, loseIssuer } = await open()
      await revoke()
      await disable()
      await loseIssuer()
      const own = { ...badge, level: 0, issuer: badge.subject }
      expect(await source.isRevoked(own)).toEqual({ answer: false })
      expect(await source.isAgentActive(own)).toEqual({ answer: true })
    })
  })
}
