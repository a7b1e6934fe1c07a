const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/

/**
 * Reads a time in the form of RFC 3339, such as `2025-12-09T15:05:00Z`, as milliseconds
 * since the Unix epoch, cut to whole ones. `undefined` for everything else.
 */
export function parseRfc3339(text: unknown): number | undefined {
  if (typeof text !== 'string' || !DATE_TIME.test(text)) return undefined
  const ms = Date.parse(text.toUpperCase())
  if (!Number.isFinite(ms) || !isOnCalendar(text)) return undefined
  return ms
}

/** Milliseconds since the Unix epoch in the form of RFC 3339, in UTC. */
export function formatRfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

/** JavaScript takes 31 April for 1 May. */
function isOnCalendar(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number]
  const date = new Date(Date.UTC(year, month - 1, day))
  date.setUTCFullYear(year)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}
