// `@capiscio/core/verification`: who somebody is, by the rules of the core where no core runs, such as in a page. Nothing that
// is reached from here needs Node, network, clock or disk; `browser` in package.json replaces what lib takes from Node.
import { create } from '@bufbuild/protobuf'
import {
  type VerifyServerRequest,
  type VerifyServerResponse,
  VerifyServerResponseSchema,
} from '@capiscio/proto/core/v1'
import { createBadgeVerifier, type VerifiedBadge } from './domain/badge/badge-verifier.ts'
import { DidRefused } from './domain/did/did-refused.ts'
import { createServerVerifier } from './domain/identity/verify-server.ts'
import { parseJwks } from './domain/trust/jwks.ts'
import { TrustRefused } from './domain/trust/trust-refused.ts'
import { createTrustedIssuers } from './domain/trust/trusted-issuers.ts'
import { OriginRefused, parseHttpsOrigin } from './lib/https-origin.ts'
import type { BadgeInQuestion } from './ports/badge-status.ts'
import type { Clock } from './ports/clock.ts'
import type { Ed25519Verifier } from './ports/ed25519.ts'
import { SourceUnavailable } from './ports/source-unavailable.ts'
import { decodeVerifyServer, encodeServerVerification } from './service/verify-server.ts'

export { type BadgeRefusalCode, BadgeRefused } from './domain/badge/badge-refused.ts'
export type { VerifiedBadge } from './domain/badge/badge-verifier.ts'
export type { BadgeInQuestion } from './ports/badge-status.ts'
export type { Clock } from './ports/clock.ts'
export type { Ed25519Verifier } from './ports/ed25519.ts'
export { type FieldViolation, RpcFault } from './service/rpc-fault.ts'

/** What a core takes from its configuration, keys, stores and network. */
export interface VerificationOptions {
  readonly ed25519: Ed25519Verifier
  readonly clock: Clock
  /** JWKS text by issuer, an HTTPS origin. Nobody else's badges of levels 1 to 4 count. */
  readonly keySets: ReadonlyMap<string, string>
  /** did:keys whose self-signed badges (level 0) count. */
  readonly levelZeroKeys: readonly string[]
  /** The verifier's own identifiers: a badge with an audience must name one. */
  readonly audience: readonly string[]
  /** Whether `verifyBadge` refuses a badge without an audience. Those of servers are for whoever connects. */
  readonly requireAudience: boolean
  /** Tolerated difference to the issuer's clock, in milliseconds, at most 300 000. */
  readonly clockSkewMs: number
  /** Also issuers under `.invalid`, as `capiscio dev` makes them. For development only. */
  readonly acceptReservedIssuers: boolean
  /** Whether the badge was revoked or its subject disabled. Whatever is not `false` refuses the badge, a rejection included. */
  readonly isRevoked: (badge: BadgeInQuestion) => boolean | Promise<boolean>
  /** The DID document of a did:web as text. A rejection refuses the badge. Without it, no did:web has one. */
  readonly resolveDid?: ((did: string) => string | Promise<string>) | undefined
}

export interface Verification {
  /**
   * The procedure of badges.md §8.2.
   *
   * @param token attacker-controlled
   * @throws {BadgeRefused} for every badge that does not count
   */
  verifyBadge(token: string): Promise<VerifiedBadge>
  /**
   * The procedure of RFC-007 §7.2, as the RPC `VerifyServer` answers it. With `offline_mode` no DID is resolved.
   *
   * @throws {RpcFault} INVALID_ARGUMENT naming every wrong field
   */
  verifyServer(request: VerifyServerRequest): Promise<VerifyServerResponse>
}

/** As much as a core may be configured to (`trust.clockSkewSeconds`). */
const MAX_CLOCK_SKEW_MS = 300_000

/** Badges whose facts are kept: enough for the servers of one page. */
const CACHE = { cacheMaxEntries: 64, cacheMaxBytes: 1_048_576 }

/**
 * @throws {TypeError} for an issuer that is no HTTPS origin, is there twice or has no usable key, a level 0 key that is no did:key,
 *   a clock skew out of range, a demand for an audience that nobody can meet
 */
export function createVerification(options: VerificationOptions): Verification {
  const { ed25519, clock, levelZeroKeys, audience, requireAudience, clockSkewMs, resolveDid } = options
  if (!(clockSkewMs <= MAX_CLOCK_SKEW_MS)) throw new TypeError(`clockSkewMs must be at most ${MAX_CLOCK_SKEW_MS}.`)
  if (requireAudience && audience.length === 0) {
    throw new TypeError('Every badge would be refused: where an audience is required, say which names are your own.')
  }
  const keySets = readKeySets(options.keySets)
  const issuers = createTrustedIssuers({ issuers: [...keySets.keys()], levelZeroKeys, acceptLevelZero: false })

  const keySet = async (issuer: string) => {
    const jwks = keySets.get(issuer)
    if (jwks === undefined) throw new SourceUnavailable(`There are no keys of ${issuer}.`)
    return { jwks, version: '' }
  }
  const rules = { clockSkewMs, requireKey: true, rejectReservedIssuers: !options.acceptReservedIssuers, ...CACHE }
  const status = {
    async isRevoked(badge: BadgeInQuestion) {
      const answer: unknown = await orUnavailable(() => options.isRevoked(badge), 'isRevoked gave no answer')
      if (typeof answer !== 'boolean') throw new SourceUnavailable('isRevoked gave neither true nor false')
      return { answer }
    },
    // Asked of the caller in one question with the badge.
    isAgentActive: async () => ({ answer: true }),
  }
  const verifierWith = (resolve: (did: string) => Promise<string>) =>
    createBadgeVerifier({
      ...{ ed25519, clock, status, options: rules },
      issuerKeys: { keySet, freshenFor: keySet },
      didDocuments: { resolve },
      telemetry: { badgeCache: () => undefined, warning: () => undefined },
    })
  const badges = verifierWith(async (did) => {
    if (resolveDid === undefined) throw new DidRefused('DID_KEY_NOT_FOUND', 'there is no resolveDid to look it up with')
    const document: unknown = await orUnavailable(() => resolveDid(did), `resolveDid gave no document of ${did}`)
    if (typeof document !== 'string') throw new SourceUnavailable(`resolveDid gave no text for ${did}`)
    return document
  })
  const offlineBadges = verifierWith(async (did) => {
    throw new SourceUnavailable(`${did} is not resolved offline`)
  })
  const servers = createServerVerifier({
    ...{ badges, offlineBadges, audience, ed25519, clock },
    issuers: () => issuers,
    requireKey: true,
  })

  return {
    verifyBadge: (token) =>
      badges.verify(token, { issuers, audience: { own: audience, required: requireAudience, alsoOneOf: [] } }),
    async verifyServer(request) {
      const { claim, demands } = decodeVerifyServer(request)
      return create(VerifyServerResponseSchema, encodeServerVerification(await servers.verify(claim, demands)))
    },
  }
}

/** By the one spelling of each issuer that badges may have. */
function readKeySets(given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const keySets = new Map<string, string>()
  for (const [issuer, jwks] of given) {
    const origin = originOf(issuer)
    if (keySets.has(origin)) throw new TypeError(`The issuer ${origin} is there twice.`)
    demandKeys(origin, jwks)
    keySets.set(origin, jwks)
  }
  return keySets
}

function originOf(issuer: string): string {
  try {
    return parseHttpsOrigin(issuer)
  } catch (cause) {
    if (!(cause instanceof OriginRefused)) throw cause
    throw new TypeError(`${cause.message}.`, { cause })
  }
}

/** An issuer whose badges could never count is a mistake of whoever wrote it down. */
function demandKeys(issuer: string, jwks: string): void {
  try {
    if (parseJwks(jwks).length > 0) return
  } catch (cause) {
    if (!(cause instanceof TrustRefused)) throw cause
    throw new TypeError(`The keys of ${issuer} are refused: ${cause.message}.`, { cause })
  }
  throw new TypeError(`The key set of ${issuer} holds no Ed25519 key that can be used.`)
}

/** Doubt means no: a collaborator that fails has given no answer. */
async function orUnavailable<T>(ask: () => T | Promise<T>, message: string): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    throw new SourceUnavailable(message, { cause })
  }
}
