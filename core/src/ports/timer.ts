/**
 * Calls back later.
 *
 * `after` calls `callback` once, not before `ms` milliseconds have passed; the result
 * takes that back and may be called at any time, more than once. A waiting callback does
 * not keep the process alive.
 */
export interface Timer {
  after(ms: number, callback: () => void): () => void
}
