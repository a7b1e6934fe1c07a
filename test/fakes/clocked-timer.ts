import type { Timer } from '../../core/src/ports/timer.ts'
import type { FixedClock } from './fixed-clock.ts'

/** Timers that run only when a test lets time pass. */
export interface ClockedTimer extends Timer {
  /** What waits now: milliseconds from now, soonest first. */
  readonly waiting: readonly number[]
  /** Moves the clock forward, calling back what is due on the way, and lets promises settle after each. */
  advance(ms: number): Promise<void>
}

export function createClockedTimer(clock: FixedClock): ClockedTimer {
  const due: { readonly atMs: number; readonly callback: () => void }[] = []
  const sorted = () => due.toSorted((a, b) => a.atMs - b.atMs)
  return {
    after(ms, callback) {
      const entry = { atMs: clock.monotonicMs() + ms, callback }
      due.push(entry)
      return () => {
        const at = due.indexOf(entry)
        if (at >= 0) due.splice(at, 1)
      }
    },
    get waiting() {
      return sorted().map(({ atMs }) => atMs - clock.monotonicMs())
    },
    async advance(ms) {
      await settled()
      const untilMs = clock.monotonicMs() + ms
      for (;;) {
        const next = sorted().find(({ atMs }) => atMs <= untilMs)
        if (next === undefined) break
        clock.advance(next.atMs - clock.monotonicMs())
        due.splice(due.indexOf(next), 1)
        next.callback()
        await settled()
      }
      clock.advance(untilMs - clock.monotonicMs())
      await settled()
    },
  }
}

/** Lets everything settle that waits for nothing but promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}
