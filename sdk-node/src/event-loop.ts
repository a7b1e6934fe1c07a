/** What happens later, behind an interface so that tests decide when it happens. */
export interface EventLoop {
  /** Milliseconds that only ever grow. */
  nowMs(): number
  /** Calls back once after `ms` milliseconds; the result takes that back. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void
  /** Calls back when everything that has arrived by now was dealt with. */
  nextTurn(callback: () => void): void
}

/** The event loop of this process. */
export const EVENT_LOOP: EventLoop = Object.freeze({
  nowMs: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms).unref()
    return () => clearTimeout(timer)
  },
  nextTurn: (callback) => void setImmediate(callback),
} satisfies EventLoop)
