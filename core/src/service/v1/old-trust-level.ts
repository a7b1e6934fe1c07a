import { TrustLevel as OldTrustLevel } from '@capiscio/proto/v1'
import type { TrustLevel } from '../../domain/trust/trust-level.ts'

/**
 * The levels of RFC-002 by their names in the old enum, never by number: its number 2 is
 * named DV, which is level 2, and its number 1 is level 0. Level 1 (registered) has no name
 * there.
 */
const NAMES: Readonly<Record<TrustLevel, OldTrustLevel>> = {
  0: OldTrustLevel.SELF_SIGNED,
  1: OldTrustLevel.UNSPECIFIED,
  2: OldTrustLevel.DV,
  3: OldTrustLevel.OV,
  4: OldTrustLevel.EV,
}

export function toOldTrustLevel(level: TrustLevel): OldTrustLevel {
  return NAMES[level]
}

/** `undefined` for the names that no level has (CV) and for unknown numbers; 1 for unspecified. */
export function fromOldTrustLevel(old: OldTrustLevel): TrustLevel | undefined {
  return ([0, 1, 2, 3, 4] as const).find((level) => NAMES[level] === old)
}
