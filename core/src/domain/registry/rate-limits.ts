import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import { createRateLimiter, type RateLimit } from './rate-limiter.ts'
import { RegistryRefused } from './registry-refused.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const QUARTER_MS = 900_000

/** Limits of registry.md §1.4. A registry may have others; these are its defaults. */
export interface RateLimits {
  readonly badgesPerSubject: RateLimit
  readonly challengesPerDid: RateLimit
  readonly challengesPerAccount: RateLimit
  readonly challengesPerAddress: RateLimit
  readonly proofsPerDid: RateLimit
  readonly proofsPerAccount: RateLimit
  /** Backstop only. */
  readonly proofsPerAddress: RateLimit
  /** Reaching it stops challenges for the DID for as long as the window. */
  readonly failedProofsPerDid: RateLimit
  readonly failedProofsPerAddress: RateLimit
  readonly requestsPerKey: RateLimit
}

export const RATE_LIMITS: RateLimits = {
  badgesPerSubject: { events: 100, windowMs: HOUR_MS },
  challengesPerDid: { events: 10, windowMs: MINUTE_MS },
  challengesPerAccount: { events: 100, windowMs: MINUTE_MS },
  challengesPerAddress: { events: 50, windowMs: MINUTE_MS },
  proofsPerDid: { events: 10, windowMs: MINUTE_MS },
  proofsPerAccount: { events: 50, windowMs: MINUTE_MS },
  proofsPerAddress: { events: 10_000, windowMs: MINUTE_MS },
  failedProofsPerDid: { events: 5, windowMs: QUARTER_MS },
  failedProofsPerAddress: { events: 1_000, windowMs: QUARTER_MS },
  requestsPerKey: { events: 1_000, windowMs: MINUTE_MS },
}

/** Each method lets one event pass or throws `RegistryRefused` rate_limit_exceeded with the time to wait. */
export interface RateGate {
  request(apiKeyName: string): void
  badge(did: string): void
  challenge(by: { readonly did: string; readonly accountId: string; readonly address: string }): void
  /** Before anything about a proof is known. */
  proofFrom(address: string): void
  proof(by: { readonly did: string; readonly accountId: string }): void
  /** A proof did not hold. Enough of them and no new challenge is made for the DID for a while. */
  proofFailed(by: { readonly did: string | undefined; readonly address: string }): void
}

/**
 * Counts are kept in memory: a restart forgets them. DIDs and accounts counted here are
 * registered ones, so that strangers cannot push them out.
 */
export function createRateGate(limits: RateLimits, clock: Pick<Clock, 'monotonicMs'>): RateGate {
  const limiters = Object.fromEntries(
    Object.entries(limits).map(([name, limit]) => [name, createRateLimiter(limit, clock)]),
  ) as Record<keyof RateLimits, ReturnType<typeof createRateLimiter>>
  const noChallengeUntil = new LRUCache<string, number>({ max: 10_000 })

  function take(name: keyof RateLimits, key: string, what: string): void {
    const waitMs = limiters[name].take(key)
    if (waitMs !== undefined) throw tooMany(what, waitMs)
  }

  function demandCooledDown(key: string): void {
    const untilMs = noChallengeUntil.get(key)
    if (untilMs === undefined) return
    const waitMs = untilMs - clock.monotonicMs()
    if (waitMs > 0) throw tooMany('Proofs failed too often', waitMs)
    noChallengeUntil.delete(key)
  }

  function countFailure(name: 'failedProofsPerDid' | 'failedProofsPerAddress', key: string): void {
    if (!limiters[name].count(key)) return
    noChallengeUntil.set(key, clock.monotonicMs() + limits[name].windowMs)
  }

  return {
    request: (apiKeyName) => take('requestsPerKey', apiKeyName, 'Too many requests with this API key'),
    badge: (did) => take('badgesPerSubject', did, 'Too many badges for this subject'),
    challenge({ did, accountId, address }) {
      demandCooledDown(did)
      demandCooledDown(address)
      take('challengesPerAddress', address, 'Too many challenges for this address')
      take('challengesPerAccount', accountId, 'Too many challenges for this account')
      take('challengesPerDid', did, 'Too many challenges for this DID')
    },
    proofFrom: (address) => take('proofsPerAddress', address, 'Too many proofs from this address'),
    proof({ did, accountId }) {
      take('proofsPerAccount', accountId, 'Too many proofs for this account')
      take('proofsPerDid', did, 'Too many proofs for this DID')
    },
    proofFailed({ did, address }) {
      if (did !== undefined) countFailure('failedProofsPerDid', did)
      countFailure('failedProofsPerAddress', address)
    },
  }
}

function tooMany(what: string, waitMs: number): RegistryRefused {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new RegistryRefused('rate_limit_exceeded', `${what}: try again in ${retryAfterSeconds} seconds.`, {
    retryAfterSeconds,
  })
}
