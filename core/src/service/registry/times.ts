/** RFC 3339 in UTC, with milliseconds, from milliseconds since the Unix epoch. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}

/** RFC 3339 in UTC, from whole Unix seconds. */
export function isoSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
