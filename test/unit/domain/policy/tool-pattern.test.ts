import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matches, matchesCodePoints, parseToolPattern } from '../../../../core/src/domain/policy/tool-pattern.ts'
import { ToolPatternRefused } from '../../../../core/src/domain/policy/tool-pattern-refused.ts'
import { thrownBy } from './thrown-by.ts'

const match = (pattern: string, name: string): boolean => matches(parseToolPattern(pattern), name)

describe('a pattern without wildcards', () => {
  test.each([
    ['read_file', 'read_file', true],
    ['read_file', 'read_files', false],
    ['read_file', 'read_fil', false],
    ['read_file', 'Read_file', false],
    ['fs/read', 'fs/read', true],
    ['a]b-c^d', 'a]b-c^d', true],
    ['zürich', 'zürich', true],
    ['\u{1f600}', '\u{1f600}', true],
    ['\u{1f600}', '\u{1f601}', false],
  ])('%j over %j is %j', (pattern, name, expected) => {
    expect(match(pattern, name)).toBe(expected)
  })
})

describe('a star', () => {
  test.each([
    ['*', 'anything', true],
    ['*', '', true],
    ['*', 'a/b', false],
    ['read_*', 'read_', true],
    ['read_*', 'read_file', true],
    ['read_*', 'read', false],
    ['read_*', 'read_a/b', false],
    ['*_file', '_file', true],
    ['*_file', 'fs/_file', false],
    ['fs/*', 'fs/read', true],
    ['fs/*', 'fs/', true],
    ['fs/*', 'fs', false],
    ['fs/*', 'fs/a/b', false],
    ['fs/*/b', 'fs/a/b', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a*b/c*d', 'axb/cyd', true],
    ['a*b/c*d', 'axb/c/d', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['**', 'x', true],
    ['a**b', 'ab', true],
    ['*aab*', 'aaab', true],
    ['*aab*', 'abab', false],
    ['*abab*x', 'abaababx', true],
  ])('%j over %j is %j', (pattern, name, expected) => {
    expect(match(pattern, name)).toBe(expected)
  })
})

describe('a question mark', () => {
  test.each([
    ['?', 'a', true],
    ['?', '\u{1f600}', true],
    ['?', 'ü', true],
    ['?', '', false],
    ['?', 'ab', false],
    ['?', '/', false],
    ['a?c', 'a/c', false],
    ['*?', '', false],
    ['*?', 'a', true],
    ['*?b*', '/b', false],
    ['x*?b*', 'x1b2', true],
  ])('%j over %j is %j', (pattern, name, expected) => {
    expect(match(pattern, name)).toBe(expected)
  })
})

describe('a set', () => {
  test.each([
    ['[abc]', 'b', true],
    ['[abc]', 'd', false],
    ['[a-c]x', 'cx', true],
    ['[a-c]x', 'dx', false],
    ['[^a-c]x', 'dx', true],
    ['[^a-c]x', 'bx', false],
    ['[a-cx-z]', 'y', true],
    ['[a-cx-z]', 'm', false],
    ['[a-zb-c]', 'y', true],
    ['[b-ca-z]', '~', false],
    ['[α-ω]', 'λ', true],
    ['[α-ω]', 'l', false],
    ['[\u{1f600}-\u{1f610}]', '\u{1f605}', true],
    ['[\u{1f600}-\u{1f610}]', '\ud83d', false],
    ['[\\]]', ']', true],
    ['[\\-a]', '-', true],
    ['[\\^]', '^', true],
    ['[a^]', '^', true],
    ['[^^]', '^', false],
    ['[[]', '[', true],
    ['[*?]', '*', true],
    ['[*?]', 'x', false],
    ['[a]', '', false],
    ['[a-a]', 'a', true],
    ['[ec-da]', 'd', true],
    ['*[0-9]*_v', 'ab7c_v', true],
    ['*[0-9]*_v', 'abc_v', false],
  ])('%j over %j is %j', (pattern, name, expected) => {
    expect(match(pattern, name)).toBe(expected)
  })

  test('that contains / matches it, as in path.Match', () => {
    expect(match('a[^x]b', 'a/b')).toBe(true)
    expect(match('a[.-0]b', 'a/b')).toBe(true)
    expect(match('a[^/]b', 'a/b')).toBe(false)
  })

  test('takes its first place and keeps it, as in path.Match', () => {
    expect(match('*[^q]*c', 'xyc')).toBe(true)
    // Only by taking the slash instead of the x could the set let the second star reach c.
    expect(match('*[^q]*c', 'x/yc')).toBe(false)
  })
})

describe('an escape', () => {
  test.each([
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'aXb', false],
    ['\\[a]', '[a]', true],
    ['\\[a]', 'a', false],
    ['\\\\', '\\', true],
    ['\\a', 'a', true],
    ['*\\?*', 'wh?t', true],
    ['*\\?*', 'what', false],
  ])('%j over %j is %j', (pattern, name, expected) => {
    expect(match(pattern, name)).toBe(expected)
  })
})

describe('a malformed pattern', () => {
  test.each([
    ['', 1, /empty/],
    ['[read_*', 1, /no closing/],
    ['read_[', 6, /no closing/],
    ['[^', 1, /no closing/],
    ['[^abc', 1, /no closing/],
    ['[a-', 1, /no closing/],
    ['[a\\', 1, /no closing/],
    ['[]', 2, /cannot stand here/],
    ['[]a]', 2, /cannot stand here/],
    ['[^]a]', 3, /cannot stand here/],
    ['[-]', 2, /cannot stand here/],
    ['[-x]', 2, /cannot stand here/],
    ['[x-]', 4, /cannot stand here/],
    ['[a-b-c]', 5, /cannot stand here/],
    ['ab[z-a]', 4, /backwards/],
    ['read\\', 5, /escapes nothing/],
    ['ab\ud800', 3, /Unicode/],
    ['\u{1f600}\u{1f600}[', 3, /no closing/],
  ])('%j is refused at character %i', (pattern, position, reason) => {
    const refused = thrownBy(ToolPatternRefused, () => parseToolPattern(pattern))
    expect(refused.code).toBe('TOOL_PATTERN_MALFORMED')
    expect(refused.position).toBe(position)
    expect(refused.reason).toMatch(reason)
  })

  test('has at most 8192 characters', () => {
    expect(match('a'.repeat(8192), 'a'.repeat(8192))).toBe(true)
    expect(thrownBy(ToolPatternRefused, () => parseToolPattern('a'.repeat(8193))).position).toBe(8193)
  })
})

describe('names that mean something to JavaScript', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is a plain name', (name) => {
    expect(match(name, name)).toBe(true)
    expect(match(name, 'other')).toBe(false)
    expect(match('*', name)).toBe(true)
  })
})

/** Pieces of a pattern, what they mean to a regular expression, and names for them. No set contains a slash. */
const PIECES = fc.array(
  fc.constantFrom<readonly [string, string, readonly string[]]>(
    ['*', '[^/]*', ['', 'a', 'ab', 'aab']],
    ['*', '[^/]*', ['', 'b', 'ba', '\u{1f600}']],
    ['?', '[^/]', ['a', 'b', '\u{1f600}']],
    ['[a-b]', '[a-b]', ['a', 'b']],
    ['[^b/]', '[^b/]', ['a', 'ü']],
    ['[^a\\/ü]', '[^a/ü]', ['b', '*']],
    ['\\*', '\\*', ['*']],
    ['/', '/', ['/']],
    ['a', 'a', ['a']],
    ['b', 'b', ['b']],
    ['ü', 'ü', ['ü']],
    ['\u{1f600}', '\u{1f600}', ['\u{1f600}']],
  ),
  { minLength: 1, maxLength: 12 },
)

/** A pattern with a name that matches it, or nearly does, or is any other. */
const CASES = PIECES.chain((pieces) =>
  fc.record({
    pattern: fc.constant(pieces.map(([text]) => text).join('')),
    expression: fc.constant(new RegExp(`^${pieces.map(([, text]) => text).join('')}$`, 'u')),
    parts: fc.tuple(...pieces.map(([, , names]) => fc.constantFrom(...names))),
    change: fc.option(fc.tuple(fc.nat(12), fc.constantFrom('', 'a', 'b', '/', 'ü')), { nil: undefined }),
  }),
)

test('agrees with an equivalent regular expression', () => {
  let positive = 0
  let negative = 0
  fc.assert(
    fc.property(CASES, ({ pattern, expression, parts, change }) => {
      const name = (change === undefined ? parts : parts.with(change[0] % parts.length, change[1])).join('')
      const expected = expression.test(name)
      if (expected) positive++
      else negative++
      expect(match(pattern, name)).toBe(expected)
    }),
    { numRuns: 20_000, seed: 1 },
  )
  expect(Math.min(positive, negative)).toBeGreaterThan(2_000)
})

test('agrees with a regular expression also where a run is longer than a word of the search', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 25, max: 100 }),
      fc.array(fc.constantFrom('a', 'b'), { maxLength: 300 }),
      (size, letters) => {
        const name = letters.join('')
        const run = Array.from({ length: size }, (_, at) => (at % 7 === 3 ? '?' : at % 11 === 5 ? '[ab]' : 'a')).join(
          '',
        )
        const expression = new RegExp(`^[^/]*${run.replaceAll('?', '[^/]')}[^/]*b$`)
        expect(match(`*${run}*b`, name)).toBe(expression.test(name))
        const planted = `${name}${'a'.repeat(size)}xb`
        expect(match(`*${run}*b`, planted)).toBe(true)
      },
    ),
    { numRuns: 300, seed: 2 },
  )
})

describe('the cost of a match', () => {
  /** The name as an array that counts how often it is looked at. */
  function counted(text: string): { readonly name: ArrayLike<number>; reads(): number } {
    let reads = 0
    const codePoints = Array.from(text, (character) => character.codePointAt(0) ?? 0)
    const name = new Proxy(codePoints, {
      get(target, property) {
        if (property !== 'length') reads++
        return Reflect.get(target, property)
      },
    })
    return { name, reads: () => reads }
  }

  test.each([
    ['2000 stars that fail at the end', `${'*a'.repeat(2000)}*b`, (size: number) => 'a'.repeat(size)],
    ['one long run that almost matches everywhere', `*${'a'.repeat(2000)}b*`, (size: number) => 'a'.repeat(size)],
    ['one long run of wildcards', `*${'?'.repeat(2000)}b*`, (size: number) => 'a'.repeat(size)],
    ['runs that share beginnings', `${'*ab'.repeat(1000)}*c*`, (size: number) => 'ab'.repeat(size / 2)],
    ['sets', `${'*[^b]'.repeat(1500)}*c`, (size: number) => 'a'.repeat(size)],
    ['a name of slashes', `*${'a'.repeat(100)}*${'/'.repeat(500)}*`, (size: number) => '/'.repeat(size)],
  ])('is linear in the name: %s', (_title, text, nameOf) => {
    const pattern = parseToolPattern(text)
    const cost = (size: number): number => {
      const { name, reads } = counted(nameOf(size))
      expect(matchesCodePoints(pattern, name)).toBe(false)
      return reads()
    }
    const [single, double] = [cost(32_000), cost(64_000)]
    expect(double).toBeLessThanOrEqual(2.5 * Math.max(single, 1))
    expect(double).toBeLessThanOrEqual(2 * 64_000)
  })

  test('ends where a slash lets no run begin any more', () => {
    const { name, reads } = counted(`aa/${'b'.repeat(10_000)}`)
    expect(matchesCodePoints(parseToolPattern('*ab*c*'), name)).toBe(false)
    expect(reads()).toBeLessThan(20)
  })

  test('keeps the worst pattern over the longest name within reach', () => {
    const name = 'a'.repeat(65_536)
    const startedMs = performance.now()
    for (const text of [`${'*a'.repeat(2000)}*b`, `*${'a'.repeat(8000)}b*`, `*${'?'.repeat(8000)}b*`]) {
      expect(match(text, name)).toBe(false)
    }
    // About 50 ms here; quadratic work would be half a minute.
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })
})
