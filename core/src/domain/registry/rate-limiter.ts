import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'

/** So many events in so long a time. */
export interface RateLimit {
  readonly events: number
  readonly windowMs: number
}

/** Counts events by key within a window that slides. */
export interface RateLimiter {
  /** Counts one event, or tells in how many milliseconds the next one may come and counts nothing. */
  take(key: string): number | undefined
  /** Counts one event, whatever the limit. Returns whether the limit is reached by it. */
  count(key: string): boolean
}

/**
 * Who is counted is known by the caller. The number of keys is bounded; those that were not
 * seen for longest are forgotten first.
 */
export function createRateLimiter(
  { events, windowMs }: RateLimit,
  clock: Pick<Clock, 'monotonicMs'>,
  maxKeys = 10_000,
): RateLimiter {
  const seen = new LRUCache<string, number[]>({ max: maxKeys })

  /** Times of the events within the window, oldest first. */
  function recent(key: string, nowMs: number): number[] {
    const times = seen.get(key) ?? []
    const firstInside = times.findIndex((time) => time > nowMs - windowMs)
    times.splice(0, firstInside === -1 ? times.length : firstInside)
    seen.set(key, times)
    return times
  }

  return {
    take(key) {
      const nowMs = clock.monotonicMs()
      const times = recent(key, nowMs)
      const oldest = times[times.length - events]
      if (oldest !== undefined) return oldest + windowMs - nowMs
      times.push(nowMs)
      return undefined
    },
    count(key) {
      const nowMs = clock.monotonicMs()
      const times = recent(key, nowMs)
      times.push(nowMs)
      times.splice(0, times.length - events)
      return times.length >= events
    },
  }
}
