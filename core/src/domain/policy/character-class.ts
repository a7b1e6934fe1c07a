/** First and last code point of a range, both included. */
export type CodePointRange = readonly [first: number, last: number]

/** A set of code points, as written between `[` and `]`. */
export interface CharacterClass {
  accepts(codePoint: number): boolean
}

/**
 * Ranges are sorted and merged once, so that a test costs the logarithm of their number:
 * a class may hold thousands of them, and names are attacker-controlled.
 */
export function createCharacterClass(ranges: readonly CodePointRange[], negated: boolean): CharacterClass {
  const merged = merge(ranges)
  return { accepts: (codePoint) => isWithin(merged, codePoint) !== negated }
}

function merge(ranges: readonly CodePointRange[]): readonly CodePointRange[] {
  const merged: CodePointRange[] = []
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) {
      merged[merged.length - 1] = [previous[0], Math.max(previous[1], last)]
    } else {
      merged.push([first, last])
    }
  }
  return merged
}

function isWithin(sorted: readonly CodePointRange[], codePoint: number): boolean {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const range = sorted[middle]
    if (range === undefined) return false
    if (codePoint < range[0]) high = middle
    else if (codePoint > range[1]) low = middle + 1
    else return true
  }
  return false
}
