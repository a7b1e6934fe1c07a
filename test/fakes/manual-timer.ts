import type { Timer } from '../../core/src/ports/timer.ts'

/** A timer that a test moves. Calls are made in the order in which they are due. */
export interface ManualTimer extends Timer {
  advance(ms: number): void
  /** Calls that are still to be made. */
  readonly pending: number
}

export function createManualTimer(): ManualTimer {
  let now = 0
  const calls = new Set<{ readonly at: number; readonly call: () => void }>()
  return {
    get pending() {
      return calls.size
    },
    after(ms, call) {
      const planned = { at: now + ms, call }
      calls.add(planned)
      return () => void calls.delete(planned)
    },
    advance(ms) {
      const until = now + ms
      for (;;) {
        const [next] = [...calls].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
        if (next === undefined) break
        now = next.at
        calls.delete(next)
        next.call()
      }
      now = until
    },
  }
}
