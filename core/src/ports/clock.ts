/**
 * Time, from outside.
 *
 * `nowMs` is the wall clock in milliseconds since the Unix epoch. It may jump in either
 * direction: nothing may be ordered or timed by it. `monotonicMs` never goes back and
 * has no meaning but the difference of two readings. Both are cheap and never fail.
 */
export interface Clock {
  nowMs(): number
  monotonicMs(): number
}
