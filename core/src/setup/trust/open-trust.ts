import { createFileTrustRecords } from '../../adapters/trust/file-trust-records.ts'
import type { TrustConfig } from '../../config/config.ts'
import { type CurrentTrust, createCurrentTrust } from '../../domain/trust/current-trust.ts'
import { createTrustStore, noTrustStore, type TrustStore } from '../../domain/trust/trust-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { IssuerKeySource } from '../../ports/issuer-keys.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { StartRefused } from '../../start-refused.ts'

/** Changes by other processes are noticed after this long, well within the age that key files may have. */
const LOOK_EVERY_MS = 2_000

export interface OpenedTrust {
  readonly store: TrustStore
  readonly current: CurrentTrust
  /** From now on looks again and again; the result is called to stop. */
  watch(): () => void
}

/**
 * Opens the trust store and looks at it once.
 *
 * @param issuerKeys of the configured issuers
 * @throws {StartRefused} when there is a store that cannot be used: starting without it would
 *   deny whom the operator trusts, and nobody would know why
 */
export async function openTrust(
  config: TrustConfig,
  issuerKeys: IssuerKeySource,
  { clock, telemetry }: { readonly clock: Clock; readonly telemetry: Pick<Telemetry, 'warning' | 'fault'> },
): Promise<OpenedTrust> {
  const store = openTrustStore(config, clock.nowMs)
  const configuration = { ...config, issuers: config.issuers.map(({ issuer }) => issuer) }
  const current = createCurrentTrust({ configuration, issuerKeys, store, telemetry })
  try {
    await store.look()
  } catch (cause) {
    if (cause instanceof SourceUnavailable) throw new StartRefused(cause.message, { cause })
    throw cause
  }
  await current.refresh()
  return {
    store,
    current,
    watch() {
      const timer = setInterval(() => {
        current.refresh().catch((cause: unknown) => telemetry.fault({ where: 'trust-store', cause }))
      }, LOOK_EVERY_MS)
      timer.unref()
      return () => clearInterval(timer)
    },
  }
}

/** The trust store of a configuration, as commands and the core use it. */
export function openTrustStore({ storePath }: Pick<TrustConfig, 'storePath'>, nowMs: () => number): TrustStore {
  return storePath === undefined ? noTrustStore : createTrustStore(createFileTrustRecords(storePath), nowMs)
}
