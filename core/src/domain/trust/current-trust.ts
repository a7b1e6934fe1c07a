import type { IssuerKeySource } from '../../ports/issuer-keys.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { createPinnedIssuerKeys } from './pinned-issuer-keys.ts'
import type { TrustedKeys, TrustStore } from './trust-store.ts'
import { createTrustedIssuers, type TrustConfiguration, type TrustedIssuers } from './trusted-issuers.ts'

/** Whom a core trusts now: its configuration, and the keys that its operator pinned. */
export interface CurrentTrust {
  /** As of the last look. */
  issuers(): TrustedIssuers
  /** As of the last look; none while the trust store cannot be read. */
  pinned(): TrustedKeys
  /** The configured key sets with the pinned keys added. */
  readonly issuerKeys: IssuerKeySource
  /**
   * Looks at the trust store again. One look at a time, so that an older one never follows
   * a newer one. Resolves also when the store cannot be read; nothing pinned counts then.
   */
  refresh(): Promise<void>
}

export interface CurrentTrustOptions {
  readonly configuration: TrustConfiguration
  /** Keys of configured issuers. */
  readonly issuerKeys: IssuerKeySource
  readonly store: Pick<TrustStore, 'look'>
  readonly telemetry: Pick<Telemetry, 'warning'>
}

const NOTHING: TrustedKeys = { version: 'unavailable', issuerKeys: [], agentKeys: [], problems: [] }

/**
 * Joins configuration and trust store, which are both the operator's. An issuer with pinned
 * keys is trusted like a configured one, with these keys; the did:key of a pinned agent
 * counts like one listed for level 0, so that the request still has to agree.
 *
 * Trusts the configuration alone until the first `refresh`.
 *
 * @throws {TypeError} for a configuration that `createTrustedIssuers` refuses
 */
export function createCurrentTrust({ configuration, issuerKeys, store, telemetry }: CurrentTrustOptions): CurrentTrust {
  let pinned = NOTHING
  let issuers = createTrustedIssuers(configuration)
  let looked: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    const keys = await store.look().catch(nothingIfUnavailable)
    if (keys.version === pinned.version) return
    issuers = createTrustedIssuers({
      ...configuration,
      issuers: [...configuration.issuers, ...keys.issuerKeys.map(({ issuer }) => issuer)],
      levelZeroKeys: [...configuration.levelZeroKeys, ...keys.agentKeys.map(({ did }) => did)],
    })
    pinned = keys
    for (const { name, reason } of keys.problems) {
      telemetry.warning({ code: 'TRUST_RECORD_IGNORED', message: `${name}: ${reason}` })
    }
  }

  function nothingIfUnavailable(cause: unknown): TrustedKeys {
    if (!(cause instanceof SourceUnavailable)) throw cause
    if (pinned !== NOTHING) telemetry.warning({ code: 'TRUST_STORE_UNAVAILABLE', message: cause.message })
    return NOTHING
  }

  return {
    issuers: () => issuers,
    pinned: () => pinned,
    issuerKeys: createPinnedIssuerKeys(issuerKeys, () => pinned),
    refresh() {
      const next = looked.then(look)
      // A fault is the caller's to see; the next look starts afresh.
      looked = next.catch(() => undefined)
      return next
    },
  }
}
