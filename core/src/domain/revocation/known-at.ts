import type { Clock } from '../../ports/clock.ts'

/** When something was true, by either clock or both. */
export interface KnownAt {
  /** Wall clock, in milliseconds since the Unix epoch. Survives a restart. */
  readonly wallMs?: number
  /** Monotonic clock of this process, which nobody can set back. */
  readonly monotonicMs?: number
}

/**
 * How long ago that was, in milliseconds: the longer of what the two clocks say, at least
 * 0. `Infinity` for a wall time in the future beyond the tolerated skew, because then one
 * of the clocks is wrong and the age is not known.
 */
export function ageOf({ wallMs, monotonicMs }: KnownAt, clock: Clock, skewMs: number): number {
  const byWall = wallMs === undefined ? 0 : clock.nowMs() - wallMs
  if (!(byWall >= -skewMs)) return Number.POSITIVE_INFINITY
  const byMonotonic = monotonicMs === undefined ? 0 : clock.monotonicMs() - monotonicMs
  return Math.max(0, byWall, byMonotonic)
}
