import { createNodeEs256Verifier } from '../adapters/crypto/node-es256.ts'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import type { Config } from '../config/config.ts'
import {
  type BadgeVerifier,
  type BadgeVerifierCollaborators,
  createBadgeVerifier,
} from '../domain/badge/badge-verifier.ts'
import type { VerificationRules, VerificationSources } from '../domain/badge/verify-badge.ts'
import type { EvidenceLog } from '../domain/evidence/evidence-log.ts'
import type { OpenCalls } from '../domain/evidence/open-calls.ts'
import { createToolGuard, type GuardRules, type ToolGuard } from '../domain/guard/tool-guard.ts'
import { createServerVerifier, type ServerVerifier } from '../domain/identity/verify-server.ts'
import { createIssuerKeySets } from '../domain/trust/issuer-key-sets.ts'
import type { Clock } from '../ports/clock.ts'
import type { Ed25519Verifier } from '../ports/ed25519.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { CORE_VERSION } from '../version.ts'
import type { TrustSources } from './trust/trust-sources.ts'

export interface DecisionsSetup {
  readonly trusted: TrustSources
  readonly rules: () => GuardRules
  readonly log: EvidenceLog
  readonly openCalls: OpenCalls
  readonly ed25519: Ed25519Verifier
  readonly clock: Clock
  readonly telemetry: Telemetry
}

/** What decides: about tool calls, about servers, and about badges by themselves. */
export interface Decisions {
  readonly guard: ToolGuard
  readonly servers: ServerVerifier
  /** The verifier with its cache, as the guard uses it. */
  readonly badges: BadgeVerifier
  /** For a verification that is no decision: explained, and never shortened by what was proved before. */
  readonly sources: VerificationSources
  readonly verificationRules: VerificationRules
}

export function setUpDecisions(config: Config, setup: DecisionsSetup): Decisions {
  const { trust, limits, profile } = config
  const { trusted, rules, log, openCalls, ed25519, clock, telemetry } = setup
  const { current, standing, didDocuments } = trusted
  const proofs = { ed25519, ...(trust.allowEs256 && { es256: createNodeEs256Verifier({ maxKeys: 1_000 }) }) }
  const verificationRules = {
    clockSkewMs: trust.clockSkewSeconds * 1000,
    rejectReservedIssuers: profile !== 'dev',
    requireKey: trust.requireKey,
    allowMissingTyp: trust.allowMissingTyp,
  }
  const verifierWith = (
    sources: Pick<BadgeVerifierCollaborators, 'status' | 'issuerKeys' | 'didDocuments'>,
  ): BadgeVerifier =>
    createBadgeVerifier({
      ...proofs,
      ...sources,
      ...{ clock, telemetry },
      options: {
        ...verificationRules,
        cacheMaxEntries: limits.badgeCacheEntries,
        cacheMaxBytes: limits.badgeCacheBytes,
      },
    })
  const { issuerKeys } = current
  const badges = verifierWith({ issuerKeys, didDocuments, status: standing.status })
  // Nobody is asked: neither an issuer for a key that is not there, nor a host for a document.
  const offlineBadges = verifierWith({
    issuerKeys: { keySet: issuerKeys.keySet, freshenFor: issuerKeys.keySet },
    didDocuments: didDocuments.kept,
    status: standing.offlineStatus,
  })
  return {
    badges,
    guard: createToolGuard({
      ...{ rules, badges, openCalls, clock, telemetry },
      evidence: log,
      random: systemRandom,
      coreVersion: CORE_VERSION,
    }),
    servers: createServerVerifier({
      issuers: current.issuers,
      audience: rules().audience.own,
      ...{ badges, offlineBadges, ed25519, clock },
      requireKey: trust.requireKey,
    }),
    sources: {
      ...proofs,
      ...{ didDocuments, clock, status: standing.status },
      issuerKeys: createIssuerKeySets(current.issuerKeys, trust),
    },
    verificationRules: { ...verificationRules, allowEs256: trust.allowEs256 },
  }
}
