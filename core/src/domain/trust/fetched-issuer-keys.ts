import type { Clock } from '../../ports/clock.ts'
import type { IssuerKeySource } from '../../ports/issuer-keys.ts'
import type { OutboundHttp } from '../../ports/outbound-http.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { createFetchedKeySet, type KeySetState } from './fetched-key-set.ts'
import type { JwksRules } from './jwks.ts'

export interface FetchedIssuerKeysOptions {
  /** Where each issuer's key set is, by issuer. */
  readonly urls: ReadonlyMap<string, string>
  readonly http: OutboundHttp
  /** Which keys can be used. Default: Ed25519 keys only. */
  readonly rules?: JwksRules
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'issuerKeysFetched' | 'issuerKeysAged' | 'fault'>
  /** Age up to which the last good set is used while no newer one can be had, in milliseconds. */
  readonly maxStaleMs: number
}

/** Key sets of issuers that publish them on the web. */
export interface FetchedIssuerKeys extends IssuerKeySource {
  /**
   * Fetches what is absent or due, and reports ages. Called at the start and every second,
   * so that an issuer which was away is noticed again also while nobody asks. Never rejects.
   */
  refresh(): Promise<void>
  /** `undefined` for an issuer whose keys are not fetched. */
  state(issuer: string): KeySetState | undefined
}

export function createFetchedIssuerKeys(options: FetchedIssuerKeysOptions): FetchedIssuerKeys {
  const { urls, telemetry } = options
  const sets = new Map([...urls].map(([issuer, url]) => [issuer, createFetchedKeySet({ ...options, issuer, url })]))

  function setOf(issuer: string) {
    const set = sets.get(issuer)
    if (set === undefined) throw new SourceUnavailable(`${issuer} has no URL to fetch keys from`)
    return set
  }

  function reportAges(): void {
    const states = [...sets.values()].map((set) => set.state())
    telemetry.issuerKeysAged({
      oldestAgeMs: Math.max(0, ...states.map(({ ageMs = 0 }) => ageMs)),
      issuersWithoutKeys: states.filter(({ keys }) => keys === 0).length,
    })
  }

  return {
    keySet: async (issuer) => setOf(issuer).current(),
    freshenFor: async (issuer) => setOf(issuer).freshened(),
    async refresh() {
      await Promise.all([...sets.values()].map((set) => set.refreshIfDue()))
      reportAges()
    },
    state: (issuer) => sets.get(issuer)?.state(),
  }
}
