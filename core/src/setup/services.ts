import { join } from 'node:path'
import { createNodeEd25519Signer } from '../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import { createFileKeyStore } from '../adapters/keys/file-key-store.ts'
import { systemTimer } from '../adapters/time/system-timer.ts'
import type { Config } from '../config/config.ts'
import type { EvidenceLog } from '../domain/evidence/evidence-log.ts'
import type { GuardRules } from '../domain/guard/tool-guard.ts'
import { createKeyMaker } from '../domain/keys/key-maker.ts'
import { createAllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import type { Clock } from '../ports/clock.ts'
import { createAdminService } from '../service/admin-service.ts'
import { createCoreService } from '../service/core-service.ts'
import { createAuthenticateAccess, createEvaluateAccess } from '../service/evaluate-access.ts'
import { createGenerateKeypair } from '../service/generate-keypair.ts'
import { createRegisterIdentity } from '../service/register-identity.ts'
import { createRegistryClients } from '../service/registry-clients.ts'
import { implementedMethods, type ServiceImplementation } from '../service/service-implementation.ts'
import { createBadgeService } from '../service/v1/badge-service.ts'
import { createDidService } from '../service/v1/did-service.ts'
import { createMcpService } from '../service/v1/mcp-service.ts'
import { createRevocationService } from '../service/v1/revocation-service.ts'
import { createSimpleGuardService } from '../service/v1/simple-guard-service.ts'
import { createTrustStoreService } from '../service/v1/trust-store-service.ts'
import type { Decisions } from './decisions.ts'
import type { EvidenceReading } from './evidence/evidence-reading.ts'
import { ReloadRefused } from './reload.ts'
import { describeServer } from './server-info.ts'
import type { TrustSources } from './trust/trust-sources.ts'

export interface ServicesSetup {
  readonly trusted: TrustSources
  readonly decisions: Decisions
  readonly rules: () => GuardRules
  readonly log: EvidenceLog
  readonly evidence: EvidenceReading['service']
  readonly reload: () => Promise<GuardRules>
  readonly notReadyReasons: () => string[]
  readonly clock: Clock
  readonly startedAtMs: number
}

export interface Services {
  readonly all: readonly ServiceImplementation[]
  /** Those that pages may reach: nothing that administers, and no privileged call. */
  readonly web: readonly ServiceImplementation[]
}

/** Every RPC service of a core, over what decides. */
export function setUpServices(config: Config, setup: ServicesSetup): Services {
  const { trust } = config
  const { trusted, decisions, rules, log, evidence, notReadyReasons, clock } = setup
  const { http, issuerKeys, revocations, current, store } = trusted
  const { guard, servers, badges } = decisions
  const evaluate = createEvaluateAccess(guard)
  // Hosts send the same lists again and again; what is kept of them stays small.
  const allowedTools = createAllowedToolsCompiler({ maxLists: 256, maxCharacters: 1024 * 1024 })
  const keyStore = createFileKeyStore(join(config.stateDir, 'keys'))
  const keys = createKeyMaker({ store: keyStore, random: systemRandom, clock, createSigner: createNodeEd25519Signer })
  const registries = createRegistryClients({
    registries: trust.issuers.map(({ issuer, apiUrl = issuer }) => ({ issuer, url: apiUrl.replace(/\/+$/, '') })),
    ...{ http, clock, random: systemRandom },
  })

  const core = createCoreService({
    ...{ evaluate, wouldAllow: guard.wouldAllow, allowedTools, servers },
    authenticate: createAuthenticateAccess(guard),
    maxMessageBytes: config.limits.maxMessageBytes,
    generateKeypair: createGenerateKeypair(keys),
    registerIdentity: createRegisterIdentity({ registries, keyStore, createSigner: createNodeEd25519Signer }),
    serverInfo: () =>
      describeServer({
        ...{ config, rules, issuerKeys, revocations, log, notReadyReasons },
        pinned: current.pinned,
        startedAtMs: setup.startedAtMs,
        implementedMethods: () => implementedMethods(all),
      }),
  })
  const mcp = createMcpService({ evaluate, allowedTools, servers, isReady: () => notReadyReasons().length === 0 })
  const admin = createAdminService({
    reload: () => setup.reload().then(({ policy }) => ({ policyVersion: policy.version }), refusedReload),
    caches: () => new Map([['verified_badges', badges.cacheStatistics()], ...revocations.statistics()]),
    local: revocations.local,
  })
  const badge = createBadgeService({
    sources: decisions.sources,
    rules: decisions.verificationRules,
    trust: rules,
    permitsLeniency: config.profile === 'dev',
    acceptsLevelZero: trust.acceptLevelZero,
    isOnline: config.profile !== 'air-gapped',
    nowMs: clock.nowMs,
    random: systemRandom,
    createSigner: createNodeEd25519Signer,
    ...{ registries, clock, timer: systemTimer, jitter: Math.random },
  })
  const all = [
    core,
    evidence,
    admin,
    mcp,
    createSimpleGuardService({ keys, store: keyStore }),
    createRevocationService({ revocations, clock, maxStalenessMs: trust.revocation.maxStalenessSeconds * 1000 }),
    badge,
    createDidService(),
    createTrustStoreService({ store, changed: current.refresh, nowMs: clock.nowMs }),
  ]
  return { all, web: [core, evidence, mcp] }
}

function refusedReload(cause: unknown): { readonly refused: string } {
  if (!(cause instanceof ReloadRefused)) throw cause
  return { refused: cause.message }
}
