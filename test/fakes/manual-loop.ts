import type { EventLoop } from '../../sdk-node/src/event-loop.ts'

/** An event loop that moves only when a test says so. */
export interface ManualLoop extends EventLoop {
  /** Ends the turn: calls back who waits for the next one, until nobody does. */
  turn(): void
  /** Lets time pass, with all that is due on the way and the turns after it. */
  advance(ms: number): void
  /** Timers that are still to ring. */
  readonly timers: number
}

export function createManualLoop(): ManualLoop {
  let nowMs = 0
  let next: (() => void)[] = []
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  function turn(): void {
    while (next.length > 0) {
      const callbacks = next
      next = []
      for (const callback of callbacks) callback()
    }
  }

  return {
    nowMs: () => nowMs,
    after(ms, callback) {
      const timer = { atMs: nowMs + ms, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    nextTurn: (callback) => void next.push(callback),
    turn,
    advance(ms) {
      const untilMs = nowMs + ms
      for (;;) {
        const [due] = [...timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)
        if (due === undefined) break
        nowMs = due.atMs
        timers.delete(due)
        due.callback()
        turn()
      }
      nowMs = untilMs
    },
    get timers() {
      return timers.size
    },
  }
}
