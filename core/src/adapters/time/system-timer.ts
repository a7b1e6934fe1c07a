import type { Timer } from '../../ports/timer.ts'

/** The timers of this process. */
export const systemTimer: Timer = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
