import { RegistryRefused } from './registry-refused.ts'

/** How long badges live (badges.md §12), in seconds. */
export const BADGE_TTL = { min: 60, default: 300, max: 3600 } as const

/** How long a challenge can be answered (registry.md §4), in seconds. */
export const CHALLENGE_TTL = { min: 1, default: 300, max: 600 } as const

const MAX_AUDIENCES = 16
const MAX_AUDIENCE_LENGTH = 512

/** @throws {RegistryRefused} invalid_request, when it is no whole number of seconds within the range */
export function decideTtl(
  requested: number | undefined,
  range: { readonly min: number; readonly default: number; readonly max: number },
  name: 'badge_ttl' | 'challenge_ttl',
): number {
  if (requested === undefined) return range.default
  if (Number.isInteger(requested) && requested >= range.min && requested <= range.max) return requested
  throw new RegistryRefused(
    'invalid_request',
    `${name} is a whole number of seconds from ${range.min} to ${range.max}.`,
  )
}

/** @throws {RegistryRefused} invalid_request */
export function checkAudience(audience: readonly string[]): readonly string[] {
  const isSound = (entry: string): boolean => /^[!-~]+$/.test(entry) && entry.length <= MAX_AUDIENCE_LENGTH
  if (audience.length <= MAX_AUDIENCES && audience.every(isSound)) return audience
  throw new RegistryRefused(
    'invalid_request',
    `An audience is at most ${MAX_AUDIENCES} identifiers of visible ASCII, each at most ${MAX_AUDIENCE_LENGTH} characters.`,
  )
}

/**
 * The level to issue: the validated one, or the lower one that was asked for. A request
 * never raises it.
 *
 * @throws {RegistryRefused} forbidden
 */
export function decideLevel<Level extends number>(validated: Level, requested: Level | undefined): Level {
  if (requested === undefined) return validated
  if (requested <= validated) return requested
  throw new RegistryRefused(
    'forbidden',
    `The validated trust level is ${validated}: ask the registry's operator first.`,
  )
}
