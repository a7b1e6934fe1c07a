import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import { OutboundFailure } from './outbound-failure.ts'

export interface BreakerLimits {
  /** Failures in a row after which an origin is left alone. */
  readonly failures: number
  /** First time that it is left alone for, in milliseconds; doubled by each further failure. */
  readonly firstPauseMs: number
  /** Longest time, in milliseconds, unless the origin itself asks for a longer one. */
  readonly maxPauseMs: number
  /** Origins that are remembered; the least recently asked is forgotten. */
  readonly origins: number
}

/** How a request went, as far as the origin's health is concerned. */
export interface Verdict {
  /** The origin answered as one that works, whatever it said. */
  succeeded(): void
  /** @param retryAfterMs what the origin asked for; 0 when it asked for nothing */
  failed(retryAfterMs: number): void
  /** The request says nothing about the origin. */
  undecided(): void
}

/**
 * A circuit breaker for each origin. Closed: requests pass, failures in a row are counted.
 * Open: requests are refused until the pause is over. Half open: one request passes and
 * decides; the others are refused meanwhile. A success closes it.
 */
export interface OriginBreakers {
  /** @throws {OutboundFailure} left_alone */
  enter(origin: string): Verdict
}

interface Breaker {
  failures: number
  /** On the monotonic clock. */
  openUntilMs: number
  probing: boolean
}

export function createOriginBreakers(
  limits: BreakerLimits,
  clock: Pick<Clock, 'monotonicMs'>,
  random: Pick<Random, 'bytes'>,
): OriginBreakers {
  const breakers = new LRUCache<string, Breaker>({ max: limits.origins })

  /** Between half of the pause and the whole of it, so that many cores do not come back at one time. */
  function pauseAfter(failures: number): number {
    const doubled = limits.firstPauseMs * 2 ** Math.min(failures - limits.failures, 30)
    const [byte = 0] = random.bytes(1)
    return Math.min(doubled, limits.maxPauseMs) * (0.5 + byte / 510)
  }

  return {
    enter(origin) {
      const breaker = breakers.get(origin) ?? { failures: 0, openUntilMs: 0, probing: false }
      breakers.set(origin, breaker)
      const isOpen = breaker.openUntilMs > 0
      if (isOpen && (breaker.probing || clock.monotonicMs() < breaker.openUntilMs)) {
        throw new OutboundFailure('left_alone', `${origin} failed repeatedly and is left alone for a while`)
      }
      breaker.probing = isOpen
      return {
        succeeded() {
          breaker.failures = 0
          breaker.openUntilMs = 0
        },
        failed(retryAfterMs) {
          breaker.failures++
          if (isOpen) breaker.probing = false
          const pauseMs = breaker.failures < limits.failures ? 0 : pauseAfter(breaker.failures)
          const longest = Math.max(pauseMs, retryAfterMs)
          if (longest > 0) breaker.openUntilMs = Math.max(breaker.openUntilMs, clock.monotonicMs() + longest)
        },
        undecided() {
          if (isOpen) breaker.probing = false
        },
      }
    },
  }
}
