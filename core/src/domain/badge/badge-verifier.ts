import { sha256Base64url } from '../../lib/sha256.ts'
import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DidDocumentSource } from '../../ports/did-documents.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { Es256Verifier } from '../../ports/es256.ts'
import type { IssuerKeySource } from '../../ports/issuer-keys.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { createIssuerKeySets } from '../trust/issuer-key-sets.ts'
import { createBadgeFactsCache } from './badge-facts-cache.ts'
import { checkTokenSize } from './compact-jws.ts'
import { type BadgeDemands, type VerifiedBadge, verifyBadge } from './verify-badge.ts'

export type { BadgeDemands, VerifiedBadge } from './verify-badge.ts'

export interface BadgeVerifierOptions {
  /** Tolerated difference between the issuer's clock and ours, in milliseconds. Default 60 000. */
  readonly clockSkewMs?: number
  /** Badges whose facts are kept. 0 keeps none. */
  readonly cacheMaxEntries: number
  /** Memory for those facts, estimated, in bytes. */
  readonly cacheMaxBytes: number
  /** Refuse issuers under `.invalid`, which exist in development only. */
  readonly rejectReservedIssuers: boolean
  /** Refuse badges without `key`. `false` is for development only. */
  readonly requireKey: boolean
  /** Read badges whose header has no `typ`. For development only. Default false. */
  readonly allowMissingTyp?: boolean
}

export interface BadgeVerifierCollaborators {
  readonly ed25519: Ed25519Verifier
  /** Enables badges signed with ES256. */
  readonly es256?: Es256Verifier
  readonly issuerKeys: IssuerKeySource
  readonly status: BadgeStatusSource
  readonly didDocuments: DidDocumentSource
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'badgeCache' | 'warning'>
  readonly options: BadgeVerifierOptions
}

export interface BadgeVerifier {
  /**
   * Verifies a badge for one decision. `cacheHit` says whether it was met before; the
   * outcome is the same either way.
   *
   * @param token attacker-controlled
   * @throws {BadgeRefused} for every badge that does not count. Anything else is a fault.
   */
  verify(token: string, demands: BadgeDemands): Promise<VerifiedBadge & { readonly cacheHit: boolean }>
  /** What the cache of facts holds, and what it was asked since the verifier was made. */
  cacheStatistics(): {
    readonly entries: number
    readonly maxEntries: number
    readonly hits: number
    readonly misses: number
  }
}

/**
 * Makes a verifier that remembers what it proved.
 *
 * It remembers facts about tokens, never decisions. Only badges that passed every step
 * enter, so a flood of bad ones displaces nothing.
 *
 * @throws {TypeError} for options out of range
 */
export function createBadgeVerifier(collaborators: BadgeVerifierCollaborators): BadgeVerifier {
  const { telemetry, options } = collaborators
  const { clockSkewMs = 60_000, cacheMaxEntries, cacheMaxBytes } = options
  const { rejectReservedIssuers, requireKey, allowMissingTyp = false } = options
  demandWhole('clockSkewMs', clockSkewMs, 0)
  demandWhole('cacheMaxEntries', cacheMaxEntries, 0)
  demandWhole('cacheMaxBytes', cacheMaxBytes, 1)

  const allowEs256 = collaborators.es256 !== undefined
  const rules = { clockSkewMs, rejectReservedIssuers, requireKey, allowMissingTyp, allowEs256 }
  const sources = { ...collaborators, issuerKeys: createIssuerKeySets(collaborators.issuerKeys, { allowEs256 }) }
  const cache = createBadgeFactsCache(cacheMaxEntries, cacheMaxBytes)
  let warnedOfAudience = false
  let hits = 0
  let misses = 0

  return {
    async verify(token, demands) {
      checkTokenSize(token)
      const digest = sha256Base64url(token)
      const earlier = cache.get(digest)
      const cacheHit = earlier !== undefined
      if (cacheHit) hits++
      else misses++
      telemetry.badgeCache({ hit: cacheHit })

      const { badge, facts } = await verifyBadge(token, demands, earlier, sources, rules)
      if (facts !== earlier) cache.set(digest, facts)
      if (badge.level > 0 && badge.audience === undefined && !warnedOfAudience) {
        warnedOfAudience = true
        telemetry.warning({
          code: 'BADGE_WITHOUT_AUDIENCE',
          message: `The issuer ${badge.issuer} issues badges without aud, which every verifier accepts: ask it to name an audience`,
        })
      }
      return { ...badge, cacheHit }
    },
    cacheStatistics: () => ({ entries: cache.size, maxEntries: cacheMaxEntries, hits, misses }),
  }
}

function demandWhole(name: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new TypeError(`${name} must be a whole number of at least ${minimum}, not ${value}`)
  }
}
