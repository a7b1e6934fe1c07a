import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { createNodeEs256Verifier } from '../../adapters/crypto/node-es256.ts'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { createLogger } from '../../adapters/telemetry/logger.ts'
import { createMetrics } from '../../adapters/telemetry/metrics.ts'
import { createTelemetry } from '../../adapters/telemetry/telemetry.ts'
import type { Config } from '../../config/config.ts'
import type { VerificationRules, VerificationSources } from '../../domain/badge/verify-badge.ts'
import { createDidWebDocuments } from '../../domain/did/did-web-documents.ts'
import { createCurrentTrust } from '../../domain/trust/current-trust.ts'
import { createIssuerKeySets } from '../../domain/trust/issuer-key-sets.ts'
import type { TrustedKeys, TrustStore } from '../../domain/trust/trust-store.ts'
import type { TrustedIssuers } from '../../domain/trust/trusted-issuers.ts'
import type { Clock } from '../../ports/clock.ts'
import { openOutboundHttp } from '../open-outbound-http.ts'
import { openIssuerKeys } from './open-issuer-keys.ts'
import { openRevocations } from './open-revocations.ts'
import { withPinnedIssuers } from './pinned-issuers.ts'

export interface VerificationSetup {
  readonly clock: Clock
  /** Where the pinned keys are. */
  readonly store: Pick<TrustStore, 'look'>
  /** Keys that are pinned for this one time. */
  readonly alsoPinned: Pick<TrustedKeys, 'issuerKeys' | 'agentKeys'>
  /** Accepts every self-signed badge, as the configuration may in profile `dev`. */
  readonly acceptLevelZero: boolean
  /** Reaches no network, whatever the profile is. */
  readonly isOffline: boolean
}

/** Everything that one badge is verified with, as a core of the same configuration would. */
export interface Verification extends AsyncDisposable {
  readonly issuers: TrustedIssuers
  readonly sources: VerificationSources
  readonly rules: VerificationRules
  /** What in the trust store does not count. */
  readonly problems: TrustedKeys['problems']
}

/**
 * Brings together what a command verifies a badge with.
 *
 * @throws {SourceUnavailable} when the trust store cannot be used
 * @throws {StartRefused} when another file of the configuration cannot be used
 */
export async function openVerification(config: Config, setup: VerificationSetup): Promise<Verification> {
  const { trust, profile } = config
  const { clock, alsoPinned } = setup
  const telemetry = createTelemetry(createLogger({ level: 'silent', pretty: false }), createMetrics())
  const kept = await setup.store.look()
  const pinned: TrustedKeys = {
    ...kept,
    issuerKeys: [...kept.issuerKeys, ...alsoPinned.issuerKeys],
    agentKeys: [...kept.agentKeys, ...alsoPinned.agentKeys],
  }
  const http = openOutboundHttp({
    ...config,
    profile: setup.isOffline ? 'air-gapped' : profile,
    clock,
    random: systemRandom,
    telemetry,
  })
  const current = createCurrentTrust({
    configuration: {
      issuers: trust.issuers.map(({ issuer }) => issuer),
      levelZeroKeys: trust.levelZeroKeys,
      acceptLevelZero: trust.acceptLevelZero || setup.acceptLevelZero,
    },
    issuerKeys: openIssuerKeys(trust, { http, clock, telemetry }),
    store: { look: async () => pinned },
    telemetry,
  })
  await current.refresh()
  // Only read: what is asked is asked for this badge, and nothing is synced or kept.
  const revocations = await openRevocations(withPinnedIssuers(config, pinned), {
    http,
    clock,
    random: systemRandom,
    telemetry,
  })
  return {
    issuers: current.issuers(),
    problems: kept.problems,
    sources: {
      ed25519: createNodeEd25519Verifier({ maxKeys: 100 }),
      ...(trust.allowEs256 && { es256: createNodeEs256Verifier({ maxKeys: 100 }) }),
      issuerKeys: createIssuerKeySets(current.issuerKeys, trust),
      status: setup.isOffline ? revocations.offlineStatus : revocations.status,
      didDocuments: createDidWebDocuments({
        http,
        clock,
        namespaces: new Map(trust.issuers.map(({ issuer, didNamespaceUrl = issuer }) => [issuer, didNamespaceUrl])),
        allowLocalhost: profile === 'dev',
      }),
      clock,
    },
    rules: {
      clockSkewMs: trust.clockSkewSeconds * 1000,
      rejectReservedIssuers: profile !== 'dev',
      requireKey: trust.requireKey,
      allowMissingTyp: trust.allowMissingTyp,
      allowEs256: trust.allowEs256,
    },
    async [Symbol.asyncDispose]() {
      await revocations.stop()
      revocations[Symbol.dispose]()
      await http[Symbol.asyncDispose]()
    },
  }
}
