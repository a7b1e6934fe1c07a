import { z } from 'zod'
import type { BadgeRequest } from '../../domain/registry/issuance.ts'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'

const audienceShape = z.union([z.string(), z.array(z.string())]).nullish()

/**
 * What clients send for a badge: the names of RFC-002 and RFC-003, and those of older clients
 * (registry.md §3). `domain`, `key` and `jwk` are ignored: the registry knows better.
 */
export const badgeRequestShape = z.object({
  mode: z.string().nullish(),
  ttl: z.number().nullish(),
  badge_ttl: z.number().nullish(),
  duration: z.string().max(64).nullish(),
  audience: audienceShape,
  badge_aud: audienceShape,
  trustLevel: z.union([z.string(), z.number()]).nullish(),
  challenge_id: z.string().max(128).nullish(),
  proof_jws: z.string().nullish(),
})

type BadgeRequestBody = z.infer<typeof badgeRequestShape>

/**
 * Which kind of issuance is meant. Where `mode` is missing and that is allowed, the members of
 * a proof tell: both or none of them.
 *
 * @throws {RegistryRefused} invalid_mode, invalid_request
 */
export function decideMode(body: BadgeRequestBody, requireMode: boolean): 'ial0' | 'ial1' {
  const { mode, challenge_id, proof_jws } = body
  if (mode === 'ial0' || mode === 'ial1') return mode
  if (mode != null) throw new RegistryRefused('invalid_mode', 'mode is ial0 or ial1.')
  if (requireMode) throw new RegistryRefused('invalid_mode', 'This registry wants mode: ial0 or ial1.')
  if ((challenge_id == null) !== (proof_jws == null)) {
    throw new RegistryRefused(
      'invalid_request',
      'challenge_id and proof_jws belong together: send both, and mode ial1.',
    )
  }
  return challenge_id == null ? 'ial0' : 'ial1'
}

/** @throws {RegistryRefused} invalid_request, also when two names of one thing say different things */
export function toBadgeRequest(body: BadgeRequestBody): BadgeRequest {
  const duration = body.duration == null ? undefined : parseGoDuration(body.duration)
  const ttlSeconds = agreed('ttl, badge_ttl and duration', [body.ttl, body.badge_ttl, duration])
  const audiences = [body.audience, body.badge_aud].filter((value) => value != null).map((value) => [value].flat())
  agreed(
    'audience and badge_aud',
    audiences.map((list) => JSON.stringify(list)),
  )
  return { ttlSeconds, audience: audiences[0] ?? [], level: toLevel(body.trustLevel) }
}

function agreed<T>(names: string, values: readonly (T | null | undefined)[]): T | undefined {
  const [first, ...others] = values.filter((value) => value != null)
  if (others.every((value) => value === first)) return first
  throw new RegistryRefused('invalid_request', `${names} contradict each other: send one.`)
}

function toLevel(level: string | number | null | undefined): number | undefined {
  if (level == null) return undefined
  if (typeof level === 'number') return level
  return /^[0-9]$/.test(level) ? Number(level) : Number.NaN
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 }

/**
 * Reads a duration as Go writes it, such as `5m0s`, in seconds.
 *
 * @throws {RegistryRefused} invalid_request
 */
function parseGoDuration(text: string): number {
  if (!/^(?:[0-9]{1,6}[hms])+$/.test(text)) {
    throw new RegistryRefused('invalid_request', 'duration is written like 5m0s: whole hours, minutes and seconds.')
  }
  let seconds = 0
  for (const [, count, unit = ''] of text.matchAll(/([0-9]+)([hms])/g))
    seconds += Number(count) * (UNIT_SECONDS[unit] ?? 0)
  return seconds
}
