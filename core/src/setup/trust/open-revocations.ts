import { createFileRevocationStore } from '../../adapters/revocation/file-revocation-store.ts'
import { createLocalRevocationFile } from '../../adapters/revocation/local-revocation-file.ts'
import { createVersionedFile } from '../../adapters/revocation/versioned-file.ts'
import { systemTimer } from '../../adapters/time/system-timer.ts'
import { fixtureBadgeStatus } from '../../adapters/trust/fixture-badge-status.ts'
import type { Config, TrustedIssuerConfig } from '../../config/config.ts'
import { createIssuerApi } from '../../domain/revocation/issuer-api.ts'
import {
  type IssuerRevocations,
  type IssuerSources,
  openIssuerRevocations,
} from '../../domain/revocation/issuer-revocations.ts'
import { type LocalRevocations, openLocalRevocations } from '../../domain/revocation/local-revocations.ts'
import { createRevocations, type Revocations } from '../../domain/revocation/revocations.ts'
import type { StatusMode } from '../../domain/revocation/status-verdict.ts'
import type { Clock } from '../../ports/clock.ts'
import type { OutboundHttp } from '../../ports/outbound-http.ts'
import type { Random } from '../../ports/random.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'
import { StartRefused } from '../../start-refused.ts'

/** Time for an issuer to answer one question, in milliseconds: below what a caller waits for a decision. */
const ISSUER_TIMEOUT_MS = 4_000

/** Questions that may wait for one issuer. */
const ISSUER_MAX_IN_FLIGHT = 64

/** Live answers that are kept for one issuer, of each kind; about as many as badges are. */
const STATUS_MAX_ENTRIES = 16_384

/** Largest snapshot in JSON. Larger lists come as a copy of the cache folder of a core that has them. */
const MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024

export interface RevocationsSetup {
  readonly http: OutboundHttp
  readonly clock: Clock
  readonly random: Random
  readonly telemetry: Telemetry
  /** Default: the timers of this process. */
  readonly timer?: Timer
}

/**
 * Brings together what the configuration says about revocation, each issuer with its own
 * sources. Nothing is asked before `start`.
 *
 * @throws {StartRefused} when the file of local revocations cannot be read
 */
export async function openRevocations(config: Config, setup: RevocationsSetup): Promise<Revocations & Disposable> {
  const { trust } = config
  const { clock, random, telemetry, http, timer = systemTimer } = setup
  const local = await openLocal(trust.localRevocations, clock)
  const store = createFileRevocationStore(trust.revocation.cacheDir)
  const isFixture = ({ apiUrl, snapshotFile }: TrustedIssuerConfig): boolean =>
    trust.revocation.mode === 'fixture' && apiUrl === undefined && snapshotFile === undefined

  const open = (issuer: TrustedIssuerConfig): Promise<IssuerRevocations> => {
    const { revocation, clockSkewSeconds } = trust
    return openIssuerRevocations({
      ...{ store, clock, timer, random, telemetry },
      issuer: issuer.issuer,
      mode: modeOf(revocation.mode, issuer),
      sources: sourcesOf(config, issuer, http),
      tolerance: { staleAtLevelOne: revocation.staleAtLevelOne === 'accept', failOpen: revocation.failOpen },
      maxStalenessMs: revocation.maxStalenessSeconds * 1000,
      clockSkewMs: clockSkewSeconds * 1000,
      statusMaxAgeMs: revocation.statusMaxAgeSeconds * 1000,
      statusMaxEntries: STATUS_MAX_ENTRIES,
      syncIntervalMs: revocation.syncIntervalSeconds * 1000,
    })
  }
  const issuers = await Promise.all(trust.issuers.filter((issuer) => !isFixture(issuer)).map(open))
  const fixtures = new Map(trust.issuers.filter(isFixture).map(({ issuer }) => [issuer, fixtureBadgeStatus]))
  const revocations = createRevocations({ local, issuers, fixtures, timer, telemetry })
  return { ...revocations, [Symbol.dispose]: () => store[Symbol.dispose]() }
}

async function openLocal(path: string, clock: Clock): Promise<LocalRevocations> {
  try {
    return await openLocalRevocations(createLocalRevocationFile(path), clock)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : `${path}: ${String(cause)}`
    throw new StartRefused(`The local revocations cannot be used. ${reason}`, { cause })
  }
}

function modeOf(mode: Config['trust']['revocation']['mode'], { snapshotFile }: TrustedIssuerConfig): StatusMode {
  if (mode !== 'fixture') return mode
  return snapshotFile === undefined ? 'hybrid' : 'offline'
}

function sourcesOf({ profile }: Config, issuer: TrustedIssuerConfig, http: OutboundHttp): IssuerSources {
  const { snapshotFile } = issuer
  if (snapshotFile !== undefined) return { snapshot: createVersionedFile(snapshotFile, MAX_SNAPSHOT_BYTES) }
  if (profile === 'air-gapped') return {}
  const { apiUrl: baseUrl = issuer.issuer } = issuer
  return { api: createIssuerApi({ http, baseUrl, timeoutMs: ISSUER_TIMEOUT_MS, maxInFlight: ISSUER_MAX_IN_FLIGHT }) }
}
