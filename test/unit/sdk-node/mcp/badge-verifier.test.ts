import { describe, expect, it } from 'vitest'
import { createBadgeVerifier } from '../../../../sdk-node/src/mcp/badge-verifier.ts'
import { createGateCore, type GateScript, GOOD_BADGE, refused } from '../../../fakes/gate-core.ts'

class InvalidToken extends Error {}

const verify = (token: string, script?: GateScript) =>
  createBadgeVerifier({
    client: createGateCore(script).client,
    invalidToken: (message) => new InvalidToken(message),
  }).verifyAccessToken(token)

describe('a badge verifier', () => {
  it('tells a good badge from a refused one by the error of the SDK', async () => {
    expect(await verify(GOOD_BADGE)).toMatchObject({ token: GOOD_BADGE, scopes: ['trust:0', 'trust:1', 'trust:2'] })
    await expect(verify('old')).rejects.toThrow(new InvalidToken('The badge was refused: BADGE_EXPIRED'))
  })

  it.each(['STATUS_CHECK_FAILED', 'EVIDENCE_UNAVAILABLE', 'INTERNAL'] as const)(
    'does not call a badge invalid about which nothing is known: %s',
    async (reason) => {
      const failed = verify(GOOD_BADGE, () => ({ result: refused(reason, reason) }))
      await expect(failed).rejects.toThrow('There was no decision about the badge.')
      await expect(failed).rejects.not.toBeInstanceOf(InvalidToken)
    },
  )
})
