import { join } from 'node:path'
import type { Logger } from 'pino'
import { openAdminToken } from './adapters/access/admin-token.ts'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from './adapters/crypto/node-ed25519.ts'
import { systemRandom } from './adapters/crypto/system-random.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { createTelemetry } from './adapters/telemetry/telemetry.ts'
import { systemClock } from './adapters/time/system-clock.ts'
import { systemTimer } from './adapters/time/system-timer.ts'
import type { Config } from './config/config.ts'
import { EVIDENCE_LOG_LIMITS } from './domain/evidence/evidence-log.ts'
import type { GuardRules } from './domain/guard/tool-guard.ts'
import { createReleaseStack, type ReleaseStack } from './lib/release-stack.ts'
import type { Ed25519Verifier } from './ports/ed25519.ts'
import type { Telemetry } from './ports/telemetry.ts'
import { type CoreCall, createCoreCall } from './setup/core-calls.ts'
import { setUpDecisions } from './setup/decisions.ts'
import { openEvidenceReading } from './setup/evidence/evidence-reading.ts'
import { openEvidence } from './setup/evidence/open-evidence.ts'
import { loadGuardRules } from './setup/guard-rules.ts'
import { openListenerSecurity } from './setup/listener-security.ts'
import { createReadiness } from './setup/readiness.ts'
import { createReload } from './setup/reload.ts'
import { setUpServices } from './setup/services.ts'
import { openTrustSources } from './setup/trust/trust-sources.ts'
import { createAdminGate } from './transport/admin-gate.ts'
import { type BoundAddresses, createListeners } from './transport/listeners.ts'
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

/**
 * Starts a core.
 *
 * The order matters. Telemetry comes first, so that whatever fails after it is visible.
 * Rules are read before the evidence log is opened: a broken policy file must not leave
 * an empty log behind. Listeners come last: whoever can connect gets real answers.
 *
 * @throws when a file is refused, the log cannot be opened or an address is taken; then
 *   nothing is left running.
 */
export async function startCore(config: Config, logger: Logger): Promise<Core> {
  const releases = createReleaseStack()
  try {
    return await openCore(config, logger, releases)
  } catch (refused) {
    await releases[Symbol.asyncDispose]()
    throw refused
  }
}

/** Whatever is taken here is told to `releases` at once: each next step may fail. */
async function openCore(config: Config, logger: Logger, releases: ReleaseStack): Promise<Core> {
  const clock = systemClock
  const metrics = createMetrics()
  const telemetry = createTelemetry(logger, metrics)
  const startedAtMs = clock.nowMs()

  let loaded = await loadGuardRules(config)
  const security = await openListenerSecurity(config.listen, { clock, telemetry })
  releases.defer(() => security[Symbol.dispose]())
  const trusted = await openTrustSources(config, { clock, telemetry }, releases)
  const { current, revocations } = trusted
  const rules = (): GuardRules => ({ ...loaded, issuers: current.issuers() })
  const ed25519 = createNodeEd25519Verifier({ maxKeys: 10_000 })

  const { log, reading, directory } = await openLog(config, { ed25519, telemetry }, releases)
  const admin = createAdminGate(await openAdminToken(join(config.stateDir, 'admin-token')))
  const decisions = setUpDecisions(config, {
    ...{ trusted, rules, log, ed25519, clock, telemetry },
    openCalls: reading.openCalls,
  })
  const readiness = createReadiness({ config, sources: trusted, log })
  const notReadyReasons = readiness.reasons
  const reload = createReload({
    config,
    revocations,
    apply: (next) => {
      loaded = next
    },
    telemetry,
  })
  const services = setUpServices(config, {
    ...{ trusted, decisions, rules, log, reload, notReadyReasons, clock, startedAtMs },
    evidence: reading.service,
  })
  const listeners = createListeners({
    services: services.all,
    webServices: services.web,
    ...{ telemetry, notReadyReasons, admin, limits: config.limits },
    metrics: async () => ({ contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }),
    allowedOrigins: config.web.allowedOrigins,
    tls: security.tls,
    evidence: reading.files,
    // Whoever has the admin token needs no other one.
    tokens: security.tokens && { hashes: () => [...(security.tokens?.hashes() ?? []), admin.tokenHash] },
  })
  // Taken last, released first: nothing can be accepted that could not be recorded.
  releases.defer(() => listeners.close())
  const addresses = await listeners.bind({ ...config.listen, portFallback: config.portFallback })

  readiness.enter('serving')
  let isServing = false
  const tellReadiness = (): void => {
    const ready = notReadyReasons().length === 0
    if (ready !== isServing) listeners.setServing(ready)
    isServing = ready
  }
  tellReadiness()
  log.onFailure(tellReadiness)
  trusted.follow(tellReadiness)
  logger.info({ event: 'started', version: CORE_VERSION, profile: config.profile, ...addresses, log: log.origin })

  async function stop(): Promise<void> {
    readiness.enter('stopping')
    const cutOff = setTimeout(() => void listeners.close(), config.shutdownGraceMs * 0.75)
    await listeners.drain()
    clearTimeout(cutOff)
    await releases[Symbol.asyncDispose]()
    logger.info({ event: 'stopped', size: log.size })
  }
  let stopped: Promise<void> | undefined
  const stopOnce = (): Promise<void> => {
    stopped ??= stop()
    return stopped
  }
  return {
    addresses,
    call: createCoreCall(services.all),
    evidence: { origin: log.origin, vkey: log.vkey, directory },
    reload: () =>
      reload().then(
        () => undefined,
        () => undefined,
      ),
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  }
}

/** The evidence log, and what reads it. */
async function openLog(
  config: Config,
  { ed25519, telemetry }: { readonly ed25519: Ed25519Verifier; readonly telemetry: Telemetry },
  releases: ReleaseStack,
) {
  const { evidence: place, stateDir, limits } = config
  const common = { stateDir, random: systemRandom, clock: systemClock, telemetry }
  const opened = await openEvidence({
    ...common,
    location: place.directory === undefined ? { root: place.root } : { directory: place.directory },
    startEmpty: place.startEmpty,
    verifyAtStart: place.verifyAtStart,
    anchorFiles: place.anchorFiles,
    ...(place.anchorTo !== undefined && { anchorTo: place.anchorTo }),
    retentionMs: place.retentionDays * 24 * 60 * 60 * 1000,
    verifier: ed25519,
    createSigner: createNodeEd25519Signer,
    timer: systemTimer,
    limits: { ...EVIDENCE_LOG_LIMITS, waitingEntries: limits.maxWaitingDecisions },
  })
  // The index ends after the log: it has read everything then, and cannot keep the log from closing.
  let endIndex = async (): Promise<void> => undefined
  releases.defer(() => endIndex())
  releases.defer(() => opened.log.close())
  const reading = await openEvidenceReading({ ...common, ...opened, coreVersion: CORE_VERSION })
  endIndex = reading.close
  return { ...opened, reading }
}
