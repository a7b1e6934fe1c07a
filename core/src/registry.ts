import type { Logger } from 'pino'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { createTelemetry } from './adapters/telemetry/telemetry.ts'
import { systemClock } from './adapters/time/system-clock.ts'
import type { RegistryConfig } from './config/registry-config.ts'
import { toJwks } from './domain/registry/ca-keys.ts'
import { ownSubjectOf } from './domain/registry/find-subject.ts'
import { subjectDocument } from './domain/registry/subject-document.ts'
import { createRegistryApp } from './service/registry/registry-app.ts'
import type { RegistryRequestEvent, RegistryServices } from './service/registry/registry-services.ts'
import { openListenerSecurity } from './setup/listener-security.ts'
import { type OpenRegistry, openRegistry, type RegistryAdapters } from './setup/registry/open-registry.ts'
import { createRegistryBadges } from './setup/registry/registry-badges.ts'
import { createRegistryListener } from './transport/registry-listener.ts'
import { CORE_VERSION } from './version.ts'

export { initRegistry, type NewRegistry } from './setup/registry/init-registry.ts'
export type { RegistryAdapters } from './setup/registry/open-registry.ts'

/** A running registry. Stop it before the process ends. */
export interface Registry extends AsyncDisposable {
  /** Where it is reached, such as `http://127.0.0.1:8787`. */
  readonly url: string
  /** What its badges name as `iss`. */
  readonly issuer: string
  readonly jwksUrl: string
  readonly evidence: { readonly origin: string; readonly vkey: string; readonly directory: string }
  /** Answers what was accepted, then lets everything go. Idempotent. */
  stop(): Promise<void>
}

/** How often a running registry looks for what commands left: audit entries, new CA keys. */
const TICK_MS = 250

/** Ticks between two looks for what nobody needs any more. */
const PRUNE_TICKS = 240

/** Challenges are kept for a day after their end, for audits (registry.md §4). */
const CHALLENGE_KEPT_MS = 24 * 3_600_000

/** Badges are kept for thirty days after their end; the evidence log keeps them for ever. */
const BADGE_KEPT_SECONDS = 30 * 24 * 3_600

const MAX_CONNECTIONS = 1024

/**
 * Starts a registry that was made with `initRegistry`. The listener comes last: whoever can
 * connect gets real answers.
 *
 * @throws when a file is refused or the address is taken; then nothing is left running
 */
export async function startRegistry(
  config: RegistryConfig,
  logger: Logger,
  adapters: RegistryAdapters = {},
): Promise<Registry> {
  const telemetry = createTelemetry(logger, createMetrics())
  const security = await openListenerSecurity(config, { clock: systemClock, telemetry })
  const registry = await openRegistry(config, telemetry, adapters).catch((error: unknown) => {
    security[Symbol.dispose]()
    throw error
  })
  let stopping = false
  const app = createRegistryApp(servicesOf(registry, config, { isStopping: () => stopping, report: reportTo(logger) }))
  const listener = createRegistryListener({
    fetch: (request, env) => app.fetch(request, env as object),
    tls: security.tls,
    maxConnections: MAX_CONNECTIONS,
  })
  const { host } = config.listen
  const port = await listener.listen(host, config.listen.port).catch(async (error: unknown) => {
    security[Symbol.dispose]()
    await registry.close()
    throw error
  })
  const ticker = startTicker(registry, (where, cause) => telemetry.fault({ where, cause }))
  const url = `${config.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  const { issuer } = registry.context
  const { log, directory } = registry.evidence
  logger.info({ event: 'registry_started', version: CORE_VERSION, url, issuer, log: log.origin })

  async function stop(): Promise<void> {
    stopping = true
    const cutOff = setTimeout(() => listener.close(), config.shutdownGraceMs * 0.75)
    await listener.drain()
    clearTimeout(cutOff)
    security[Symbol.dispose]()
    await ticker.stop()
    await registry.close()
    logger.info({ event: 'registry_stopped', size: log.size })
  }
  let stopped: Promise<void> | undefined
  const stopOnce = (): Promise<void> => {
    stopped ??= stop()
    return stopped
  }
  return {
    url,
    issuer,
    jwksUrl: `${url}/.well-known/jwks.json`,
    evidence: { origin: log.origin, vkey: log.vkey, directory },
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  }
}

function servicesOf(
  registry: OpenRegistry,
  { requireMode, behindProxy }: RegistryConfig,
  { isStopping, report }: { readonly isStopping: () => boolean; readonly report: RegistryServices['report'] },
): RegistryServices {
  const { context, evidence } = registry
  const { issuer, names, store, caKeys, clock } = context
  const { subjects, issuance, badges, accessKeys } = registry
  return {
    ...{ issuer, subjects, issuance, badges, accessKeys, requireMode, behindProxy, report },
    ...createRegistryBadges(context),
    jwks: () => toJwks(caKeys().published),
    async didDocument(kind, id) {
      const subject = await ownSubjectOf(names.didOf(kind, id), names, store)
      return subject && subjectDocument(subject)
    },
    async notReadyReasons() {
      if (isStopping()) return ['The registry is shutting down.']
      if (evidence.log.state() !== 'open') return ['The evidence log cannot be written: restart the registry.']
      try {
        await store.subject('agent', '')
        return []
      } catch (cause) {
        report({ kind: 'fault', cause })
        return ['The database cannot be read.']
      }
    },
    nowMs: () => clock.nowMs(),
  }
}

/** Looks after the registry between requests. What fails is told and tried again. */
function startTicker(registry: OpenRegistry, fault: (where: string, cause: unknown) => void) {
  const { store, clock } = registry.context
  let ticks = 0
  let running: Promise<void> = Promise.resolve()

  async function attempt(where: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (cause) {
      fault(where, cause)
    }
  }

  async function tick(): Promise<void> {
    // After a failure of the log the entries wait in the database for the next start.
    if (registry.evidence.log.state() === 'open') await attempt('registry audit', () => registry.trail.flush())
    await attempt('registry CA keys', () => registry.reloadCaKeys())
    if (ticks++ % PRUNE_TICKS !== 0) return
    const nowMs = clock.nowMs()
    await attempt('registry prune', () =>
      store.prune({
        challengesMs: nowMs - CHALLENGE_KEPT_MS,
        proofsMs: nowMs,
        badgesSeconds: Math.floor(nowMs / 1000) - BADGE_KEPT_SECONDS,
      }),
    )
  }

  const timer = setInterval(() => {
    running = running.then(tick)
  }, TICK_MS)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

function reportTo(logger: Logger): (event: RegistryRequestEvent) => void {
  return (event) => {
    switch (event.kind) {
      case 'answered': {
        const { method, route, status } = event
        logger.debug({ event: 'registry_answered', method, route, status })
        return
      }
      case 'fault':
        logger.error({ event: 'fault', where: 'registry', err: event.cause })
        return
      case 'deprecated':
        logger.warn({ event: 'warning', code: 'DEPRECATED' }, `A client uses ${event.what}.`)
    }
  }
}
