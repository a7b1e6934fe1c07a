/** Longest wait that a server can ask for, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 300_000

/** An HTTP date in its preferred form (RFC 9110 §5.6.7); the obsolete ones are ignored. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): the wait in milliseconds, five minutes at most. 0 when
 * it is absent, past, or not understood.
 *
 * @param value from the server
 * @param nowMs wall clock
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0
  if (/^\d{1,10}$/.test(value)) return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS)
  const date = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? 0 : Math.min(Math.max(date - nowMs, 0), MAX_RETRY_AFTER_MS)
}
