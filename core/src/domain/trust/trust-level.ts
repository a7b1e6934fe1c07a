/** How well the issuer knows the subject (badges.md §4): 0 self-signed, 4 extended validation. */
export type TrustLevel = 0 | 1 | 2 | 3 | 4

/** The only spellings. Anything that merely converts to a number (`02`, `2.0`, ` 2`) is not a level. */
const LEVELS: ReadonlyMap<unknown, TrustLevel> = new Map([
  ['0', 0],
  ['1', 1],
  ['2', 2],
  ['3', 3],
  ['4', 4],
])

/** Reads a level from a badge. `undefined` for everything but the strings `0` to `4`. */
export function parseTrustLevel(value: unknown): TrustLevel | undefined {
  return LEVELS.get(value)
}
