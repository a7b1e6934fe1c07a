import { systemRandom } from '../../adapters/crypto/system-random.ts'
import type { Config } from '../../config/config.ts'
import { createDidWebDocuments, type DidWebDocuments } from '../../domain/did/did-web-documents.ts'
import type { Revocations } from '../../domain/revocation/revocations.ts'
import type { ReleaseStack } from '../../lib/release-stack.ts'
import type { Clock } from '../../ports/clock.ts'
import type { OutboundHttp } from '../../ports/outbound-http.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { openOutboundHttp } from '../open-outbound-http.ts'
import { createLateIssuers, type LateIssuers } from './late-issuer-status.ts'
import { type OpenedIssuerKeys, openIssuerKeys } from './open-issuer-keys.ts'
import { openRevocations } from './open-revocations.ts'
import { type OpenedTrust, openTrust } from './open-trust.ts'
import { withOnlyPinned, withPinnedIssuers } from './pinned-issuers.ts'

/** Everything from outside that badges are verified with: whose keys count, and what was revoked. */
export interface TrustSources extends Pick<OpenedTrust, 'store' | 'current'> {
  readonly http: OutboundHttp
  readonly issuerKeys: OpenedIssuerKeys
  readonly didDocuments: DidWebDocuments
  readonly revocations: Revocations
  /** Standing of badges and agents, also of issuers that are pinned later. */
  readonly standing: Pick<LateIssuers, 'status' | 'offlineStatus'>
  /** Follows files and issuers from now on. `onLooked` is called after each look at the keys. */
  follow(onLooked: () => void): void
}

/**
 * Opens what a configuration trusts. Nobody is asked anything before `follow`.
 *
 * @param releases gets what is to be released, also when this fails half way
 * @throws {StartRefused} when the trust store or the local revocations cannot be used
 */
export async function openTrustSources(
  config: Config,
  { clock, telemetry }: { readonly clock: Clock; readonly telemetry: Telemetry },
  releases: ReleaseStack,
): Promise<TrustSources> {
  const { trust } = config
  const http = openOutboundHttp({ ...config, clock, random: systemRandom, telemetry })
  releases.defer(() => http[Symbol.asyncDispose]())
  const issuerKeys = openIssuerKeys(trust, { http, clock, telemetry })
  releases.defer(issuerKeys.stop)
  const { store, current, watch } = await openTrust(trust, issuerKeys, { clock, telemetry })
  const didDocuments = createDidWebDocuments({
    http,
    clock,
    namespaces: new Map(trust.issuers.map(({ issuer, didNamespaceUrl = issuer }) => [issuer, didNamespaceUrl])),
    allowLocalhost: config.profile === 'dev',
  })

  const setup = { http, clock, random: systemRandom, telemetry }
  const fromStart = withPinnedIssuers(config, current.pinned())
  const revocations = await openRevocations(fromStart, setup)
  releases.defer(async () => {
    await revocations.stop()
    revocations[Symbol.dispose]()
  })
  const standing = createLateIssuers(
    revocations,
    (issuer) => fromStart.trust.issuers.some((known) => known.issuer === issuer),
    (issuer) => current.pinned().issuerKeys.some((key) => key.issuer === issuer),
    (issuer) => openRevocations(withOnlyPinned(config, issuer), setup),
  )
  releases.defer(() => standing[Symbol.asyncDispose]())

  return {
    ...{ http, issuerKeys, store, current, didDocuments, revocations, standing },
    follow(onLooked) {
      releases.defer(watch())
      issuerKeys.start(onLooked)
      revocations.start()
    },
  }
}
