import type { CharacterClass } from './character-class.ts'
import { SLASH, type Term } from './pattern-terms.ts'

const WORD_BITS = 32

/** Finds a run of terms that may start anywhere a star can reach. */
export interface RunSearch {
  /**
   * The end of the first occurrence at or after `from`, or -1. Between `from` and its
   * start lies no `/`, because the star in front of the run covers none.
   */
  find(name: ArrayLike<number>, from: number): number
}

/**
 * Bit-parallel search (Shift-And): bit `i` of the state says that the terms 0 to `i`
 * match the code points just read. Each code point of the name is read once and costs one
 * step per 32 terms, whatever the name and the pattern are. Going back to try the next
 * start would cost name times pattern, which `*aaaa…b` over `aaaa…` makes real.
 */
export function createRunSearch(terms: readonly Term[]): RunSearch {
  const words = Math.ceil(terms.length / WORD_BITS)
  const any = new Uint32Array(words)
  const literals = new Map<number, number[]>()
  const classes: { readonly position: number; readonly class: CharacterClass }[] = []
  for (const [position, term] of terms.entries()) {
    if (term.kind === 'any') setBit(any, position)
    else if (term.kind === 'class') classes.push({ position, class: term.class })
    else appendTo(literals, term.codePoint, position)
  }
  const lastWord = words - 1
  const lastBit = 1 << ((terms.length - 1) % WORD_BITS)

  /** The terms that a code point satisfies. */
  function maskOf(codePoint: number): Uint32Array {
    const mask = codePoint === SLASH ? new Uint32Array(words) : any.slice()
    for (const position of literals.get(codePoint) ?? []) setBit(mask, position)
    for (const candidate of classes) if (candidate.class.accepts(codePoint)) setBit(mask, candidate.position)
    return mask
  }

  return {
    find(name, from) {
      const masks = new Map<number, Uint32Array>()
      const state = new Uint32Array(words)
      let mayStart = true
      for (let at = from; at < name.length; at++) {
        const codePoint = name[at] ?? 0
        let mask = masks.get(codePoint)
        if (mask === undefined) {
          mask = maskOf(codePoint)
          masks.set(codePoint, mask)
        }
        let carry = mayStart ? 1 : 0
        let alive = 0
        for (let word = 0; word < words; word++) {
          const before = state[word] ?? 0
          const after = ((before << 1) | carry) & (mask[word] ?? 0)
          carry = before >>> 31
          state[word] = after
          alive |= after
        }
        if (((state[lastWord] ?? 0) & lastBit) !== 0) return at + 1
        if (codePoint === SLASH) mayStart = false
        if (!mayStart && alive === 0) return -1
      }
      return -1
    },
  }
}

function setBit(words: Uint32Array, position: number): void {
  const word = position >>> 5
  words[word] = (words[word] ?? 0) | (1 << (position % WORD_BITS))
}

function appendTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
