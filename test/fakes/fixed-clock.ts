import type { Clock } from '../../core/src/ports/clock.ts'

/** A clock that moves only when it is told to. */
export interface FixedClock extends Clock {
  /** Moves both readings forward. */
  advance(ms: number): void
  /** Sets the wall clock, in either direction; the monotonic reading stays. */
  setWall(ms: number): void
}

export function createFixedClock(startMs: number): FixedClock {
  let wallMs = startMs
  let monotonicMs = 1_000
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    advance(ms) {
      wallMs += ms
      monotonicMs += ms
    },
    setWall(ms) {
      wallMs = ms
    },
  }
}
