import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { GetServerInfoResponseSchema } from '@capiscio/proto/core/v1'
import { AdminService, EvidenceService } from '@capiscio/proto/core/v1'
import { BadgeService, DIDService, RevocationService, TrustStoreService } from '@capiscio/proto/v1'
import type { Logger } from 'pino'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from './adapters/crypto/node-ed25519.ts'
import { systemRandom } from './adapters/crypto/system-random.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { createTelemetry } from './adapters/telemetry/telemetry.ts'
import { systemClock } from './adapters/time/system-clock.ts'
import { createConfiguredIssuerKeys } from './adapters/trust/configured-issuer-keys.ts'
import { fixtureBadgeStatus } from './adapters/trust/fixture-badge-status.ts'
import { unavailableBadgeStatus, unavailableDidDocuments } from './adapters/trust/unavailable-sources.ts'
import type { Config, TcpAddress } from './config/config.ts'
import { createBadgeVerifier } from './domain/badge/badge-verifier.ts'
import { EVIDENCE_LOG_LIMITS } from './domain/evidence/evidence-log.ts'
import { createToolGuard } from './domain/guard/tool-guard.ts'
import { createAllowedToolsCompiler } from './domain/policy/allowed-tools.ts'
import { parseJwks } from './domain/trust/jwks.ts'
import { openEvidence } from './evidence-setup.ts'
import { loadGuardRules } from './guard-rules.ts'
import { issuerKeyOrigins } from './issuer-key-origins.ts'
import { createCoreService } from './service/core-service.ts'
import { createEvaluateAccess } from './service/evaluate-access.ts'
import { EVALUATE_LIMITS } from './service/evaluate-limits.ts'
import { RpcFault } from './service/rpc-fault.ts'
import { implementedMethods, implementService } from './service/service-implementation.ts'
import { createMcpService } from './service/v1/mcp-service.ts'
import { createSimpleGuardService } from './service/v1/simple-guard-service.ts'
import { AddressRefused } from './transport/address-refused.ts'
import { toGrpcService } from './transport/grpc-handlers.ts'
import { createGrpcListener, type GrpcListener } from './transport/grpc-listener.ts'
import { createHttpEndpoints, type HttpEndpoints } from './transport/http-endpoints.ts'
import { CORE_VERSION, PROTO_VERSION } from './version.ts'

/** Where a running core is reached; what is absent was not asked for. */
export interface CoreAddresses {
  readonly tcp?: string
  readonly socket?: string
  readonly http?: string
}

/** A running core. Stop it before the process ends. */
export interface Core extends AsyncDisposable {
  readonly addresses: CoreAddresses
  readonly evidence: { readonly origin: string; readonly vkey: string; readonly directory: string }
  /**
   * Takes no new calls, answers the accepted ones with evidence, closes the log.
   * Resolves within the configured grace time. Idempotent.
   */
  stop(): Promise<void>
}

type Phase = 'starting' | 'serving' | 'stopping'

/** Callers of a core that is going away do well to come back when it is replaced. */
const RETRY_AFTER_STOP_MS = 1_000

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

  const rules = await loadGuardRules(config)
  const keyOrigins = issuerKeyOrigins(config.trust.issuers)
  const issuerKeys = createConfiguredIssuerKeys(keyOrigins, clock.monotonicMs)
  const ed25519 = createNodeEd25519Verifier({ maxKeys: 10_000 })

  const { evidence: place } = config
  const evidence = await openEvidence({
    location: place.directory === undefined ? { root: place.root } : { directory: place.directory },
    stateDir: config.stateDir,
    startEmpty: place.startEmpty,
    verifier: ed25519,
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock,
    telemetry,
    limits: { ...EVIDENCE_LOG_LIMITS, waitingEntries: config.limits.maxWaitingDecisions },
  })

  const badges = createBadgeVerifier({
    ed25519,
    issuerKeys,
    status: config.profile === 'dev' ? fixtureBadgeStatus : unavailableBadgeStatus,
    didDocuments: unavailableDidDocuments,
    clock,
    telemetry,
    options: {
      clockSkewMs: config.trust.clockSkewSeconds * 1000,
      cacheMaxEntries: config.limits.badgeCacheEntries,
      cacheMaxBytes: config.limits.badgeCacheBytes,
      rejectReservedIssuers: config.profile !== 'dev',
      requireKey: true,
    },
  })
  const guard = createToolGuard({
    rules: () => rules,
    badges,
    evidence: evidence.log,
    clock,
    random: systemRandom,
    telemetry,
    coreVersion: CORE_VERSION,
  })

  const evaluate = createEvaluateAccess(guard)
  // Hosts send the same lists again and again; what is kept of them stays small.
  const allowedTools = createAllowedToolsCompiler({ maxLists: 256, maxCharacters: 1024 * 1024 })

  const notReadyReasons = (): string[] => {
    if (phase === 'starting') return ['The core is starting.']
    if (phase === 'stopping') return ['The core is shutting down.']
    if (evidence.log.state() !== 'open') return ['The evidence log cannot be written: restart the core.']
    return []
  }

  const countKeys = async (issuer: string): Promise<number> => {
    try {
      return parseJwks((await issuerKeys.keySet(issuer)).jwks).length
    } catch {
      return 0
    }
  }

  const serverInfo = async (): Promise<MessageInitShape<typeof GetServerInfoResponseSchema>> => ({
    coreVersion: CORE_VERSION,
    protoVersion: PROTO_VERSION,
    profile: config.profile,
    ready: notReadyReasons().length === 0,
    notReadyReasons: notReadyReasons(),
    trustedIssuers: await Promise.all(
      [...keyOrigins].map(async ([issuer, { kind }]) => ({
        issuer,
        keySource: kind,
        keys: await countKeys(issuer),
      })),
    ),
    acceptsLevelZero: config.trust.acceptLevelZero || config.trust.levelZeroKeys.length > 0,
    policyVersion: rules.policy.version,
    evidenceLog: {
      origin: evidence.log.origin,
      vkey: evidence.log.vkey,
      size: BigInt(evidence.log.size),
      writable: evidence.log.state() === 'open',
    },
    limits: {
      maxMessageBytes: config.limits.maxMessageBytes,
      maxWaitingDecisions: config.limits.maxWaitingDecisions,
      maxToolNameBytes: EVALUATE_LIMITS.toolNameBytes,
      maxBadgeBytes: EVALUATE_LIMITS.badgeBytes,
    },
    startedAt: timestampFromMs(startedAtMs),
    implementedMethods: implementedMethods(services),
  })

  const services = [
    createCoreService({ evaluate, allowedTools, serverInfo }),
    implementService(EvidenceService, {}),
    implementService(AdminService, {}),
    createMcpService({ evaluate, allowedTools, isReady: () => notReadyReasons().length === 0 }),
    createSimpleGuardService({ random: systemRandom, createSigner: createNodeEd25519Signer }),
    ...[BadgeService, DIDService, TrustStoreService, RevocationService].map((service) => implementService(service, {})),
  ]
  const gate = {
    admit(): void {
      if (phase !== 'stopping') return
      throw new RpcFault('UNAVAILABLE', 'The core is shutting down. Try again when it is back.', {
        retryAfterMs: RETRY_AFTER_STOP_MS,
      })
    },
  }
  const grpc = createGrpcListener({
    services: services.map((service) => toGrpcService(service, gate, telemetry)),
    maxMessageBytes: config.limits.maxMessageBytes,
    maxConcurrentStreams: config.limits.maxConcurrentStreams,
    maxConnections: config.limits.maxConnections,
  })
  const http = createHttpEndpoints({
    notReadyReasons,
    metrics: async () => ({ contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }),
  })
  /** Listeners first, the log last: nothing can be accepted that could not be recorded. */
  const release = async (): Promise<void> => {
    grpc.abort()
    await http.close()
    await evidence.log.close()
  }

  const addresses = await bindAll(config, grpc, http).catch(async (error: unknown) => {
    await release()
    throw error
  })
  phase = 'serving'
  logger.info({
    event: 'started',
    version: CORE_VERSION,
    profile: config.profile,
    ...addresses,
    log: evidence.log.origin,
  })

  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    phase = 'stopping'
    const grace = setTimeout(() => grpc.abort(), config.shutdownGraceMs * 0.75)
    try {
      await grpc.drain()
    } finally {
      clearTimeout(grace)
    }
    await release()
    logger.info({ event: 'stopped', size: evidence.log.size })
  }
  return {
    addresses,
    evidence: { origin: evidence.log.origin, vkey: evidence.log.vkey, directory: evidence.directory },
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => (stopping ??= stop()),
  }
}

async function bindAll(config: Config, grpc: GrpcListener, http: HttpEndpoints): Promise<CoreAddresses> {
  const { socket, tcp, http: web } = config.listen
  const bind = async ({ host, port }: TcpAddress, listen: GrpcListener['listenTcp']): Promise<string> => {
    const shown = host.includes(':') ? `[${host}]` : host
    try {
      return `${shown}:${await listen(host, port)}`
    } catch (error) {
      if (!(config.portFallback && error instanceof AddressRefused && error.taken)) throw error
      return `${shown}:${await listen(host, 0)}`
    }
  }
  if (socket !== undefined) await grpc.listenUnix(socket)
  return {
    ...(socket !== undefined && { socket: `unix:${socket}` }),
    ...(tcp && { tcp: await bind(tcp, grpc.listenTcp) }),
    ...(web && { http: `http://${await bind(web, http.listen)}` }),
  }
}
