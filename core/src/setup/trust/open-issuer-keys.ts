import { createConfiguredIssuerKeys } from '../../adapters/trust/configured-issuer-keys.ts'
import type { Config } from '../../config/config.ts'
import { createFetchedIssuerKeys } from '../../domain/trust/fetched-issuer-keys.ts'
import type { KeySetState } from '../../domain/trust/fetched-key-set.ts'
import type { Clock } from '../../ports/clock.ts'
import type { IssuerKeySource } from '../../ports/issuer-keys.ts'
import type { OutboundHttp } from '../../ports/outbound-http.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { issuerKeyOrigins } from './issuer-key-origins.ts'

/** How often fetched key sets are looked at, in milliseconds. */
const LOOK_EVERY_MS = 1_000

export interface OpenedIssuerKeys extends IssuerKeySource {
  /** Where the keys of an issuer come from, and how it is with those that are fetched. */
  readonly origins: ReadonlyMap<string, { readonly kind: 'inline' | 'file' | 'url' }>
  state(issuer: string): KeySetState | undefined
  /** Whether nobody's badge of level 1 to 4 can be verified yet: all keys are still to be fetched for the first time. */
  isWaiting(): boolean
  /** Fetches in the background, from now on. `onLooked` is called after each look at the sets. */
  start(onLooked: () => void): void
  stop(): void
}

/** Brings the key sources of the configuration together, each issuer with its own. */
export function openIssuerKeys(
  { issuers, jwksMaxStaleSeconds, allowEs256 }: Config['trust'],
  { http, clock, telemetry }: { readonly http: OutboundHttp; readonly clock: Clock; readonly telemetry: Telemetry },
): OpenedIssuerKeys {
  const origins = issuerKeyOrigins(issuers)
  const urls = new Map(
    [...origins].flatMap(([issuer, origin]): [string, string][] =>
      origin.kind === 'url' ? [[issuer, origin.url]] : [],
    ),
  )
  const configured = createConfiguredIssuerKeys(origins, clock.monotonicMs)
  const fetched = createFetchedIssuerKeys({
    urls,
    http,
    clock,
    telemetry,
    maxStaleMs: jwksMaxStaleSeconds * 1000,
    rules: { allowEs256 },
  })
  const sourceOf = (issuer: string): IssuerKeySource => (urls.has(issuer) ? fetched : configured)
  let timer: NodeJS.Timeout | undefined
  return {
    origins,
    keySet: (issuer) => sourceOf(issuer).keySet(issuer),
    freshenFor: (issuer, kid) => sourceOf(issuer).freshenFor(issuer, kid),
    state: fetched.state,
    isWaiting: () =>
      urls.size > 0 &&
      urls.size === origins.size &&
      [...urls.keys()].every((issuer) => fetched.state(issuer)?.fetchedAtMs === undefined),
    start(onLooked) {
      if (urls.size === 0) return
      const look = (): void => void fetched.refresh().then(onLooked)
      look()
      timer = setInterval(look, LOOK_EVERY_MS).unref()
    },
    stop: () => clearInterval(timer),
  }
}
