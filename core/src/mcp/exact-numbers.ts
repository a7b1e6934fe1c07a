/** What is said to whoever sends one that is not. */
export const INEXACT_NUMBER = 'A number is too large to be passed on exactly. Send it as text.'

/** What a number that this runtime rounds looks like: many digits, or an exponent. */
const SUSPECT = /\d{16}|\d[eE]/

/**
 * Whether every number of a JSON text is passed on as it came. Whole numbers beyond 2^53 are
 * rounded by this runtime and not by others, so a call would be decided and run about another
 * row than the one that its caller named; beyond the range of a double they become no number.
 *
 * @param text JSON
 */
export function hasExactNumbers(text: string): boolean {
  if (!SUSPECT.test(text)) return true
  let isExact = true
  JSON.parse(text, (_, value, context?: { readonly source?: string }) => {
    if (typeof value === 'number' && !isExactly(value, context?.source ?? String(value))) isExact = false
    return value
  })
  return isExact
}

function isExactly(value: number, source: string): boolean {
  if (Number.isSafeInteger(value)) return true
  return Number.isFinite(value) && (!/^-?\d+$/.test(source) || BigInt(source) === BigInt(value))
}
