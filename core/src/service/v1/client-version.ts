/** What `Health` reports: existing SDKs want a core of 2.x that is at least as new as they are. */
export const REPORTED_CORE_VERSION = '2.7.2'

export const REPORTED_PROTO_VERSION = '1.0'

/**
 * Whether an SDK of this version can be served: 0.x from 0.1.0 on, and 2.4.0
 * up to, not including, 3.0.0. An empty or unparsable version cannot.
 */
export function isCompatibleClient(version: string): boolean {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})/.exec(version.trim())
  if (match === null) return false
  const [major = 0, minor = 0] = match.slice(1).map(Number)
  return major === 0 ? minor >= 1 : major === 2 && minor >= 4
}
