import { join } from 'node:path'
import type { Logger } from 'pino'
import { openAdminToken } from './adapters/access/admin-token.ts'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from './adapters/crypto/node-ed25519.ts'
import { createNodeEs256Verifier } from './adapters/crypto/node-es256.ts'
import { systemRandom } from './adapters/crypto/system-random.ts'
import { createFileKeyStore } from './adapters/keys/file-key-store.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { createTelemetry } from './adapters/telemetry/telemetry.ts'
import { systemClock } from './adapters/time/system-clock.ts'
import { systemTimer } from './adapters/time/system-timer.ts'
import type { Config } from './config/config.ts'
import { type CoreCall, createCoreCall } from './core-calls.ts'
import { createBadgeVerifier } from './domain/badge/badge-verifier.ts'
import { createDidWebDocuments } from './domain/did/did-web-documents.ts'
import { EVIDENCE_LOG_LIMITS } from './domain/evidence/evidence-log.ts'
import type { GuardRules } from './domain/guard/tool-guard.ts'
import { createToolGuard } from './domain/guard/tool-guard.ts'
import { createServerVerifier } from './domain/identity/verify-server.ts'
import { createKeyMaker } from './domain/keys/key-maker.ts'
import { createAllowedToolsCompiler } from './domain/policy/allowed-tools.ts'
import { createIssuerKeySets } from './domain/trust/issuer-key-sets.ts'
import { openEvidenceReading } from './evidence-reading.ts'
import { openEvidence } from './evidence-setup.ts'
import { loadGuardRules } from './guard-rules.ts'
import { openIssuerKeys } from './issuer-keys-setup.ts'
import { createLateIssuers } from './late-issuer-status.ts'
import { openListenerSecurity } from './listener-security.ts'
import { openOutboundHttp } from './outbound-setup.ts'
import { withOnlyPinned, withPinnedIssuers } from './pinned-issuers.ts'
import type { BadgeStatusSource } from './ports/badge-status.ts'
import { createReload, ReloadRefused } from './reload.ts'
import { openRevocations } from './revocation-setup.ts'
import { describeServer } from './server-info.ts'
import { createAdminService } from './service/admin-service.ts'
import { createCoreService } from './service/core-service.ts'
import { createEvaluateAccess } from './service/evaluate-access.ts'
import { createGenerateKeypair } from './service/generate-keypair.ts'
import { createRegisterIdentity } from './service/register-identity.ts'
import { createRegistryClients } from './service/registry-clients.ts'
import { implementedMethods } from './service/service-implementation.ts'
import { createBadgeService } from './service/v1/badge-service.ts'
import { createDidService } from './service/v1/did-service.ts'
import { createMcpService } from './service/v1/mcp-service.ts'
import { createRevocationService } from './service/v1/revocation-service.ts'
import { createSimpleGuardService } from './service/v1/simple-guard-service.ts'
import { createTrustStoreService } from './service/v1/trust-store-service.ts'
import { createAdminGate } from './transport/admin-gate.ts'
import { type BoundAddresses, createListeners } from './transport/listeners.ts'
import { openTrust } from './trust-setup.ts'
import { CORE_VERSION } from './version.ts'

/** A running core. Stop it before the process ends. */
export interface Core extends AsyncDisposable {
  readonly addresses: BoundAddresses
  readonly evidence: { readonly origin: string; readonly vkey: string; readonly directory: string }
  /** A call from inside this process, to the handlers that the listeners serve. */
  readonly call: CoreCall
  /** Reads policy, keys and revocations again; logs what becomes of it. What is not in order changes nothing. */
  reload(): Promise<void>
  /**
   * Takes no new calls, answers the accepted ones with evidence, closes the log. Cuts off
   * what is not answered by three quarters of the grace time. Idempotent.
   */
  stop(): Promise<void>
}

type Phase = 'starting' | 'serving' | 'stopping'

/**
 * Starts a core: the one place where adapters meet the domain.
 *
 * The order matters. Telemetry comes first, so that whatever fails after it is visible.
 * Rules are read before the evidence log is opened: a broken policy file must not leave
 * an empty log behind. Listeners come last: whoever can connect gets real answers.
 *
 * @throws when a file is refused, the log cannot be opened or an address is taken; then
 *   nothing is left running.
 */
export async function startCore(config: Config, logger: Logger): Promise<Core> {
  const clock = systemClock
  const metrics = createMetrics()
  const telemetry = createTelemetry(logger, metrics)
  const startedAtMs = clock.nowMs()
  let phase: Phase = 'starting'

  let loaded = await loadGuardRules(config)
  const security = await openListenerSecurity(config.listen, { clock, telemetry })
  const unprotect = (refused: unknown): never => {
    security[Symbol.dispose]()
    throw refused
  }
  const http = openOutboundHttp({ ...config, clock, random: systemRandom, telemetry })
  const issuerKeys = openIssuerKeys(config.trust, { http, clock, telemetry })
  const { store, current, watch } = await openTrust(config.trust, issuerKeys, { clock, telemetry })
  const rules = (): GuardRules => ({ ...loaded, issuers: current.issuers() })
  const didDocuments = createDidWebDocuments({
    http,
    clock,
    namespaces: new Map(config.trust.issuers.map(({ issuer, didNamespaceUrl = issuer }) => [issuer, didNamespaceUrl])),
    allowLocalhost: config.profile === 'dev',
  })
  const ed25519 = createNodeEd25519Verifier({ maxKeys: 10_000 })
  const revocationSetup = { http, clock, random: systemRandom, telemetry }
  const fromStart = withPinnedIssuers(config, current.pinned())
  const revocations = await openRevocations(fromStart, revocationSetup).catch(unprotect)
  const late = createLateIssuers(
    revocations,
    (issuer) => fromStart.trust.issuers.some((known) => known.issuer === issuer),
    (issuer) => current.pinned().issuerKeys.some((key) => key.issuer === issuer),
    (issuer) => openRevocations(withOnlyPinned(config, issuer), revocationSetup),
  )

  const { evidence: place } = config
  const { log, reader, directory } = await openEvidence({
    location: place.directory === undefined ? { root: place.root } : { directory: place.directory },
    stateDir: config.stateDir,
    startEmpty: place.startEmpty,
    verifyAtStart: place.verifyAtStart,
    anchorFiles: place.anchorFiles,
    ...(place.anchorTo !== undefined && { anchorTo: place.anchorTo }),
    retentionMs: place.retentionDays * 24 * 60 * 60 * 1000,
    verifier: ed25519,
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock,
    timer: systemTimer,
    telemetry,
    limits: { ...EVIDENCE_LOG_LIMITS, waitingEntries: config.limits.maxWaitingDecisions },
  }).catch(unprotect)
  const admin = await openAdminToken(join(config.stateDir, 'admin-token'))
    .then(createAdminGate)
    .catch(async (refused: unknown) => {
      await log.close()
      return unprotect(refused)
    })

  const reading = await openEvidenceReading({
    ...{ log, reader, directory, clock, telemetry },
    stateDir: config.stateDir,
    random: systemRandom,
    coreVersion: CORE_VERSION,
  }).catch(async (error) => {
    await log.close()
    return unprotect(error)
  })

  const badgeSources = {
    ed25519,
    ...(config.trust.allowEs256 && { es256: createNodeEs256Verifier({ maxKeys: 1_000 }) }),
    didDocuments,
    clock,
  }
  const badgeRules = {
    clockSkewMs: config.trust.clockSkewSeconds * 1000,
    rejectReservedIssuers: config.profile !== 'dev',
    requireKey: config.trust.requireKey,
    allowMissingTyp: config.trust.allowMissingTyp,
  }
  const verifierOf = (status: BadgeStatusSource) =>
    createBadgeVerifier({
      ...badgeSources,
      issuerKeys: current.issuerKeys,
      status,
      telemetry,
      options: {
        ...badgeRules,
        cacheMaxEntries: config.limits.badgeCacheEntries,
        cacheMaxBytes: config.limits.badgeCacheBytes,
      },
    })
  const badges = verifierOf(late.status)
  const guard = createToolGuard({
    rules,
    badges,
    evidence: log,
    clock,
    random: systemRandom,
    telemetry,
    coreVersion: CORE_VERSION,
  })

  const servers = createServerVerifier({
    issuers: current.issuers,
    audience: loaded.audience.own,
    badges,
    offlineBadges: verifierOf(late.offlineStatus),
    ed25519,
    clock,
    requireKey: config.trust.requireKey,
  })

  // Callers with other credentials can be told apart without any issuer.
  const { apiKeys, trust } = config
  const needsIssuers = apiKeys.length === 0 && !trust.acceptLevelZero && trust.levelZeroKeys.length === 0
  const pinsSomebody = (): boolean => current.pinned().issuerKeys.length + current.pinned().agentKeys.length > 0
  const notReadyReasons = (): string[] => {
    if (phase === 'starting') return ['The core is starting.']
    if (phase === 'stopping') return ['The core is shutting down.']
    if (log.state() !== 'open') return ['The evidence log cannot be written: restart the core.']
    if (needsIssuers && !pinsSomebody() && issuerKeys.isWaiting())
      return ['No issuer could be asked for its keys yet: badges cannot be verified.']
    return []
  }
  const reload = createReload({
    config,
    revocations,
    apply: (next) => {
      loaded = next
    },
  })
  const evaluate = createEvaluateAccess(guard)
  // Hosts send the same lists again and again; what is kept of them stays small.
  const allowedTools = createAllowedToolsCompiler({ maxLists: 256, maxCharacters: 1024 * 1024 })
  const keyStore = createFileKeyStore(join(config.stateDir, 'keys'))
  const keys = createKeyMaker({ store: keyStore, random: systemRandom, clock, createSigner: createNodeEd25519Signer })
  const registries = createRegistryClients({
    registries: config.trust.issuers.map(({ issuer, apiUrl = issuer }) => ({
      issuer,
      url: apiUrl.replace(/\/+$/, ''),
    })),
    ...{ http, clock, random: systemRandom },
  })
  const coreService = createCoreService({
    evaluate,
    wouldAllow: guard.wouldAllow,
    allowedTools,
    servers,
    generateKeypair: createGenerateKeypair(keys),
    registerIdentity: createRegisterIdentity({ registries, keyStore, createSigner: createNodeEd25519Signer }),
    serverInfo: () =>
      describeServer({
        config,
        rules,
        issuerKeys,
        revocations,
        pinned: current.pinned,
        log,
        notReadyReasons,
        startedAtMs,
        implementedMethods: () => implementedMethods(services),
      }),
  })
  const mcpService = createMcpService({
    evaluate,
    allowedTools,
    servers,
    isReady: () => notReadyReasons().length === 0,
  })
  const services = [
    coreService,
    reading.service,
    createAdminService({
      reload: () =>
        reload().then(
          () => ({ policyVersion: loaded.policy.version }),
          (cause: unknown) => {
            if (!(cause instanceof ReloadRefused)) throw cause
            return { refused: cause.message }
          },
        ),
      caches: () => new Map([['verified_badges', badges.cacheStatistics()], ...revocations.statistics()]),
      local: revocations.local,
    }),
    mcpService,
    createSimpleGuardService({ keys, store: keyStore }),
    createRevocationService({
      revocations,
      clock,
      maxStalenessMs: config.trust.revocation.maxStalenessSeconds * 1000,
    }),
    createBadgeService({
      sources: {
        ...badgeSources,
        status: late.status,
        issuerKeys: createIssuerKeySets(current.issuerKeys, config.trust),
      },
      rules: { ...badgeRules, allowEs256: config.trust.allowEs256 },
      trust: rules,
      permitsLeniency: config.profile === 'dev',
      acceptsLevelZero: config.trust.acceptLevelZero,
      isOnline: config.profile !== 'air-gapped',
      nowMs: clock.nowMs,
      random: systemRandom,
      createSigner: createNodeEd25519Signer,
      ...{ registries, clock, timer: systemTimer, jitter: Math.random },
    }),
    createDidService(),
    createTrustStoreService({ store, changed: current.refresh, nowMs: clock.nowMs }),
  ]
  const listeners = createListeners({
    services,
    // A browser may be on the other side: nothing that administers, and no privileged call for pages.
    webServices: [coreService, reading.service, mcpService],
    telemetry,
    notReadyReasons,
    metrics: async () => ({ contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }),
    allowedOrigins: config.web.allowedOrigins,
    tls: security.tls,
    evidence: reading.files,
    // Whoever has the admin token needs no other one.
    tokens: security.tokens && { hashes: () => [...(security.tokens?.hashes() ?? []), admin.tokenHash] },
    admin,
    limits: config.limits,
  })
  const stopWatching = watch()
  // Listeners first, then the log: nothing can be accepted that could not be recorded.
  const release = async (): Promise<void> => {
    issuerKeys.stop()
    await revocations.stop()
    await late[Symbol.asyncDispose]()
    await listeners.close()
    stopWatching()
    await http[Symbol.asyncDispose]()
    revocations[Symbol.dispose]()
    security[Symbol.dispose]()
    await log.close()
    // Only then: whatever becomes of the index, the log is closed.
    await reading.close()
  }

  const addresses = await listeners
    .bind({ ...config.listen, portFallback: config.portFallback })
    .catch(async (error) => {
      await release()
      throw error
    })
  phase = 'serving'
  let isServing = false
  const tellReadiness = (): void => {
    const ready = notReadyReasons().length === 0
    if (ready !== isServing) listeners.setServing(ready)
    isServing = ready
  }
  tellReadiness()
  log.onFailure(tellReadiness)
  issuerKeys.start(tellReadiness)
  revocations.start()
  logger.info({ event: 'started', version: CORE_VERSION, profile: config.profile, ...addresses, log: log.origin })

  async function stop(): Promise<void> {
    phase = 'stopping'
    const cutOff = setTimeout(() => void listeners.close(), config.shutdownGraceMs * 0.75)
    await listeners.drain()
    clearTimeout(cutOff)
    await release()
    logger.info({ event: 'stopped', size: log.size })
  }
  let stopped: Promise<void> | undefined
  const stopOnce = (): Promise<void> => {
    stopped ??= stop()
    return stopped
  }
  return {
    addresses,
    call: createCoreCall(services),
    evidence: { origin: log.origin, vkey: log.vkey, directory },
    async reload() {
      try {
        const { policy } = await reload()
        logger.info({ event: 'reloaded', policyVersion: policy.version })
      } catch (cause) {
        logger.error({ event: 'reload_refused', err: cause }, 'Everything stays as it was.')
      }
    },
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  }
}
