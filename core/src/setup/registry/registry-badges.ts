import { BadgeRefused } from '../../domain/badge/badge-refused.ts'
import { type BadgeVerifier, createBadgeVerifier } from '../../domain/badge/badge-verifier.ts'
import { parseBadge } from '../../domain/badge/parse-badge.ts'
import { toJwks } from '../../domain/registry/ca-keys.ts'
import type { RegistryContext } from '../../domain/registry/registry-context.ts'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import { createTrustedIssuers } from '../../domain/trust/trusted-issuers.ts'
import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import type { IssuerKeySource } from '../../ports/issuer-keys.ts'
import type { RegistryServices } from '../../service/registry/registry-services.ts'

/** The registry as verifier of its own badges: keys and states come from itself, nothing from a network. */
export function createRegistryBadges(
  context: RegistryContext,
): Pick<RegistryServices, 'verifyBadge' | 'authenticateBadge'> {
  const { issuer, store, caKeys, ed25519, didDocuments, clock } = context
  const issuers = createTrustedIssuers({ issuers: [issuer], levelZeroKeys: [], acceptLevelZero: false })

  const keySet = async () => {
    const { published } = caKeys()
    return { jwks: JSON.stringify(toJwks(published)), version: published.map(({ kid }) => kid).join(' ') }
  }
  const issuerKeys: IssuerKeySource = { keySet, freshenFor: keySet }
  const status: BadgeStatusSource = {
    // A badge that verifies and is unknown was signed elsewhere with a stolen key, or is long gone.
    async isRevoked({ jti }) {
      const badge = await store.badge(jti)
      return { answer: badge === undefined || badge.revocation !== undefined }
    },
    isAgentActive: async ({ subject }) => ({ answer: (await store.subjectByDid(subject))?.status === 'active' }),
  }
  const verifier: BadgeVerifier = createBadgeVerifier({
    ...{ ed25519, issuerKeys, status, didDocuments, clock },
    telemetry: { badgeCache: () => undefined, warning: () => undefined },
    options: { cacheMaxEntries: 0, cacheMaxBytes: 1, rejectReservedIssuers: false, requireKey: true },
  })

  return {
    verifyBadge(token) {
      // Whom a badge is for is for that verifier to say; here it is whatever the badge names.
      const { audience = [issuer] } = parseBadge(token, { requireKey: true })
      return verifier.verify(token, { issuers, audience: { own: audience, required: false, alsoOneOf: [] } })
    },
    async authenticateBadge(token) {
      try {
        const demands = { issuers, audience: { own: [issuer], required: false, alsoOneOf: [] } }
        const { subject, jti } = await verifier.verify(token, demands)
        return { kind: 'badge', did: subject, jti }
      } catch (cause) {
        if (!(cause instanceof BadgeRefused)) throw cause
        throw new RegistryRefused('unauthorized', `The badge does not count here: ${cause.message}`, { cause })
      }
    },
  }
}
