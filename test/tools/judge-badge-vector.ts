import type { BadgeError, createVerifier, VerifiedBadge, VerifierOptions } from '../../sdk-browser/src/verify/index.ts'
import type { BadgeVector, BadgeVectorSetting } from './make-badge-vectors.ts'

/** Whether a page can be set so: what only development or another algorithm allows, it has no option for. */
export function isForPages({ requireKey, allowMissingTyp, allowEs256, acceptLevelZero }: BadgeVectorSetting): boolean {
  return requireKey && !allowMissingTyp && !allowEs256 && !acceptLevelZero
}

/** Vectors whose issuer has no key that can be used: a page is told when it makes its verifier. */
const WITHOUT_KEYS: readonly string[] = ['kid-twice', 'jwks-private']

/** What a page is expected to say: it asks one question about badge and subject together. */
export function expectedOfPage({ id, expected }: BadgeVector): string {
  if (WITHOUT_KEYS.includes(id)) return 'TypeError'
  return expected === 'BADGE_AGENT_DISABLED' ? 'BADGE_REVOKED' : expected
}

/** Verifies a token as a page would, under the setting of a vector. Runs in pages too. */
export async function judgeBadgeVector(
  create: typeof createVerifier,
  setting: BadgeVectorSetting,
  token: string,
): Promise<{ readonly outcome: string; readonly badge?: VerifiedBadge }> {
  const withKeys = setting.trustedIssuers.filter((issuer) => setting.jwks[issuer] !== undefined)
  const options: VerifierOptions = {
    issuers: Object.fromEntries(withKeys.map((issuer) => [issuer, setting.jwks[issuer] ?? {}])),
    isRevoked: async ({ jti, subject, trustLevel }) => {
      const isKnown = setting.revoked.includes(jti) || setting.inactiveAgents.includes(subject)
      if (!isKnown && trustLevel > 0 && setting.unanswered.length > 0) throw new Error('nobody answers')
      return isKnown
    },
    resolveDid: async (did) => {
      const document = setting.didDocuments[did]
      if (document === undefined) throw new Error('no such document')
      return JSON.stringify(document)
    },
    levelZeroKeys: setting.levelZeroKeys,
    audience: setting.audience,
    requireAudience: setting.requireAudience,
    development: !setting.rejectReservedIssuers,
    nowMs: () => setting.now * 1000,
  }
  try {
    return { outcome: 'ACCEPT', badge: await create(options).verifyBadge(token) }
  } catch (refused) {
    return { outcome: refused instanceof TypeError ? refused.name : (refused as BadgeError).code }
  }
}
