import { codePointsOf, parsePatternTerms, SLASH, type Term } from './pattern-terms.ts'
import { createRunSearch, type RunSearch } from './run-search.ts'

/** A pattern over tool names, ready to match. Made only by `parseToolPattern`. */
export interface ToolPattern {
  /** As written. */
  readonly text: string
  /** Terms before the first star, or all of them when there is none. */
  readonly head: readonly Term[]
  /** Terms between two stars. */
  readonly middle: readonly RunSearch[]
  /** Terms after the last star. Absent when there is no star. */
  readonly tail: readonly Term[] | undefined
}

/**
 * Reads a tool name pattern with the meaning of Go's `path.Match` (guard.md §4.2), over
 * code points: `*` is any run of characters other than `/`, `?` one such character,
 * `[a-z]` and `[^a-z]` one character in or outside the set (a set that contains `/`, as
 * most negated ones do, matches it), `\` takes the next character literally.
 *
 * @throws {ToolPatternRefused} with the position
 */
export function parseToolPattern(text: string): ToolPattern {
  const [head = [], ...rest] = parsePatternTerms(text)
  const tail = rest.pop()
  return Object.freeze({
    text,
    head: Object.freeze(head),
    middle: Object.freeze(rest.map(createRunSearch)),
    tail: tail && Object.freeze(tail),
  })
}

/** Whether the pattern matches the whole name. Linear in the name. */
export function matches(pattern: ToolPattern, name: string): boolean {
  return matchesCodePoints(pattern, codePointsOf(name))
}

/** The same for a name already split, so that many patterns split it once. */
export function matchesCodePoints({ head, middle, tail }: ToolPattern, name: ArrayLike<number>): boolean {
  const { length } = name
  if (tail === undefined) return length === head.length && matchesAt(head, name, 0)
  if (!matchesAt(head, name, 0)) return false
  // Each run takes the first place that it can, and never gives it back. A later place
  // could only help where a set matches `/`; `path.Match` does not look for it either.
  let from = head.length
  for (const search of middle) {
    from = search.find(name, from)
    if (from < 0) return false
  }
  const tailStart = length - tail.length
  if (tailStart < from || !matchesAt(tail, name, tailStart)) return false
  for (let at = from; at < tailStart; at++) if (name[at] === SLASH) return false
  return true
}

function matchesAt(terms: readonly Term[], name: ArrayLike<number>, start: number): boolean {
  if (start + terms.length > name.length) return false
  for (let at = 0; at < terms.length; at++) {
    const term = terms[at]
    if (term === undefined || !satisfies(term, name[start + at] ?? 0)) return false
  }
  return true
}

function satisfies(term: Term, codePoint: number): boolean {
  switch (term.kind) {
    case 'literal':
      return term.codePoint === codePoint
    case 'any':
      return codePoint !== SLASH
    case 'class':
      return term.class.accepts(codePoint)
  }
}
