import { type CharacterClass, type CodePointRange, createCharacterClass } from './character-class.ts'
import { ToolPatternRefused } from './tool-pattern-refused.ts'

/** What one code point of a name has to be. */
export type Term =
  | { readonly kind: 'literal'; readonly codePoint: number }
  /** `?`: anything but `/`. */
  | { readonly kind: 'any' }
  | { readonly kind: 'class'; readonly class: CharacterClass }

export const SLASH = 0x2f

const STAR = 0x2a
const QUESTION_MARK = 0x3f
const BACKSLASH = 0x5c
const OPEN = 0x5b
const CLOSE = 0x5d
const CARET = 0x5e
const MINUS = 0x2d

/** Bounds the work of one match. The longest pattern that requests may carry is shorter. */
const MAX_LENGTH = 8192

/** The code points of a text. A lone surrogate counts as itself. */
export function codePointsOf(text: string): number[] {
  const codePoints: number[] = []
  for (let i = 0; i < text.length; i++) {
    const codePoint = text.codePointAt(i) ?? 0
    codePoints.push(codePoint)
    if (codePoint > 0xffff) i++
  }
  return codePoints
}

/**
 * Splits a pattern into the runs of terms between its stars: `a*b` is two runs, `*b` an
 * empty run and another, `abc` a single run. Neighbouring stars count as one.
 *
 *     pattern = { "*" | term }
 *     term    = "?" | "[" [ "^" ] range { range } "]" | "\" any | any but * ? \ [
 *     range   = member [ "-" member ]
 *     member  = "\" any | any but \ - ]
 *
 * This is the grammar of Go's `path.Match`, less three things that it accepts and that
 * can only be mistakes: an empty pattern, a range written backwards, and text that is
 * not Unicode.
 *
 * @throws {ToolPatternRefused} with the position
 */
export function parsePatternTerms(text: string): readonly (readonly Term[])[] {
  const input = codePointsOf(text)
  if (input.length === 0) throw new ToolPatternRefused('An empty pattern matches no tool: write a name or *', 1)
  if (input.length > MAX_LENGTH) {
    throw new ToolPatternRefused(`A pattern holds at most ${MAX_LENGTH} characters`, MAX_LENGTH + 1)
  }
  const surrogate = input.findIndex((codePoint) => codePoint >= 0xd800 && codePoint <= 0xdfff)
  if (surrogate >= 0) throw new ToolPatternRefused('The pattern is not valid Unicode', surrogate + 1)

  const runs: Term[][] = [[]]
  let at = 0
  let afterStar = false
  while (at < input.length) {
    if (input[at] === STAR) {
      if (!afterStar) runs.push([])
      afterStar = true
      at++
      continue
    }
    afterStar = false
    const { term, next } = parseTerm(input, at)
    runs.at(-1)?.push(term)
    at = next
  }
  return runs
}

function parseTerm(input: readonly number[], at: number): { readonly term: Term; readonly next: number } {
  switch (input[at]) {
    case QUESTION_MARK:
      return { term: { kind: 'any' }, next: at + 1 }
    case OPEN:
      return parseClass(input, at)
    case BACKSLASH: {
      const codePoint = input[at + 1]
      if (codePoint === undefined) {
        throw new ToolPatternRefused('A \\ at the end escapes nothing: write \\\\ for a backslash', at + 1)
      }
      return { term: { kind: 'literal', codePoint }, next: at + 2 }
    }
    default:
      return { term: { kind: 'literal', codePoint: input[at] ?? 0 }, next: at + 1 }
  }
}

function parseClass(input: readonly number[], open: number): { readonly term: Term; readonly next: number } {
  const negated = input[open + 1] === CARET
  const ranges: CodePointRange[] = []
  let at = open + (negated ? 2 : 1)
  while (ranges.length === 0 || input[at] !== CLOSE) {
    const first = parseMember(input, at, open)
    let last = first
    if (input[first.next] === MINUS) last = parseMember(input, first.next + 1, open)
    if (last.codePoint < first.codePoint) {
      throw new ToolPatternRefused('The range is backwards and contains nothing: swap its ends', at + 1)
    }
    ranges.push([first.codePoint, last.codePoint])
    at = last.next
  }
  return { term: { kind: 'class', class: createCharacterClass(ranges, negated) }, next: at + 1 }
}

function parseMember(
  input: readonly number[],
  at: number,
  open: number,
): { readonly codePoint: number; readonly next: number } {
  const unescaped = input[at]
  if (unescaped === MINUS || unescaped === CLOSE) {
    const shown = String.fromCodePoint(unescaped)
    throw new ToolPatternRefused(`A ${shown} cannot stand here in [ ]: write \\${shown} for the character`, at + 1)
  }
  const escaped = unescaped === BACKSLASH
  const codePoint = escaped ? input[at + 1] : unescaped
  if (codePoint === undefined) {
    throw new ToolPatternRefused('The [ has no closing ]: add it, or write \\[ for the character', open + 1)
  }
  return { codePoint, next: at + (escaped ? 2 : 1) }
}
