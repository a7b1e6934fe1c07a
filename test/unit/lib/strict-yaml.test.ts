import { describe, expect, test } from 'vitest'
import { parseStrictYaml, YamlRefused } from '../../../core/src/lib/strict-yaml.ts'
import { thrownBy } from '../domain/policy/thrown-by.ts'

const refused = (text: string): YamlRefused => thrownBy(YamlRefused, () => parseStrictYaml(text))

describe('values', () => {
  test('keep their kinds', () => {
    const { value } = parseStrictYaml('a: 1\nb: "1"\nc: true\nd: yes\ne: [x, null]\nf: |\n  two\n  lines\n')
    expect(JSON.stringify(value)).toBe('{"a":1,"b":"1","c":true,"d":"yes","e":["x",null],"f":"two\\nlines\\n"}')
  })

  test('have no prototype, so that no name is special', () => {
    const value = parseStrictYaml('__proto__: { x: 1 }\nconstructor: 2\n').value as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBeNull()
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  test('are found by their path, or the nearest value around it', () => {
    const yaml = parseStrictYaml('a:\n  - b: 1\n  - b: 2\n    c: x\n')
    expect(yaml.locate(['a', 1, 'c'])).toEqual({ line: 4, column: 8 })
    expect(yaml.locate(['a', 1, 'missing', 'deep'])).toEqual({ line: 3, column: 5 })
    expect(yaml.locateKey(['a', 1], 'c')).toEqual({ line: 4, column: 5 })
    expect(yaml.locate([])).toEqual({ line: 1, column: 1 })
  })
})

describe('a text that means something only to YAML', () => {
  test.each([
    ['an anchor', 'a: &x 1\n', 1, 4, /Anchors/],
    ['an alias', 'a: 1\nb: *a\n', 2, 4, /Aliases/],
    ['an alias in a list', 'a: [1,\n  *b]\n', 2, 3, /Aliases/],
    ['an alias as a name', '*a : 1\n', 1, 1, /Aliases/],
    ['a tag', 'a: !!binary aGk=\n', 1, 4, /Tags/],
    ["a tag of one's own", 'a: !x y\n', 1, 4, /Tags/],
    ['a directive', '%YAML 1.1\n---\na: yes\n', 1, 1, /Directives/],
    ['a list as a name', '? [a]\n: 1\n', 1, 3, /text/],
    ['a number as a name', '1: 2\n', 1, 1, /text/],
    ['an empty name', ': 2\n', 1, 1, /text/],
  ])('is refused: %s', (_title, text, line, column, reason) => {
    expect(refused(text).problems[0]).toEqual({ line, column, reason: expect.stringMatching(reason) })
  })

  test.each([
    'a: "*x"',
    'a: x*',
    "a: '&x'",
    'a: x & y',
    'a: "!x"',
    'a: x!',
    '# *x &y !z\na: 1',
    'a: |\n  *x\n',
    'a: 50%',
  ])('is a text where it is one: %j', (text) => {
    expect(parseStrictYaml(`${text}\n`).value).toBeTypeOf('object')
  })
})

test('the lines of a text are not read as YAML', () => {
  expect(parseStrictYaml('|\n*x\n&y\n').value).toBe('*x\n&y\n')
  expect(refused('- |\n  *x\n- *x\n').problems[0]).toMatchObject({ line: 3, column: 3 })
})

describe('a name that is given twice', () => {
  test.each([
    ['a: 1\nb: 2\na: 3\n', 3, 1],
    ['x: { a: 1, "a": 2 }\n', 1, 12],
    ['__proto__: 1\n__proto__: 2\n', 2, 1],
  ])('is refused: %j', (text, line, column) => {
    expect(refused(text).problems[0]).toEqual({ line, column, reason: expect.stringMatching(/twice, first in line 1/) })
  })

  test('is found among many without comparing all of them', () => {
    const names = Array.from({ length: 50_000 }, (_, at) => `k${at}: 1`)
    const startedMs = performance.now()
    expect(refused([...names, 'k7: 2'].join('\n')).problems[0]?.line).toBe(50_001)
    expect(performance.now() - startedMs).toBeLessThan(10_000)
  })
})

describe('hostile texts of 1 MiB', () => {
  const MIB = 1024 * 1024
  test.each([
    ['open brackets', '['.repeat(MIB)],
    ['open braces', '{'.repeat(MIB)],
    ['braces with names', 'a: {'.repeat(MIB / 4)],
    ['dashes', '- '.repeat(MIB / 2)],
    ['closing braces', '}'.repeat(MIB)],
    ['brackets and braces', '[a,'.repeat(1000) + '}'.repeat(MIB / 2)],
    ['anchors', '&a '.repeat(MIB / 3)],
    ['aliases', `a: &a x\nb: [${'*a,'.repeat(MIB / 3)}]`],
    [
      'anchors of anchors',
      Array.from({ length: 20_000 }, (_, at) => `k${at}: &a${at} [${at > 0 ? `*a${at - 1}` : ''}]`).join('\n'),
    ],
    ['a bomb', 'a: &a [1,1,1,1,1]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\n'.repeat(1000)],
    ['an open quote', `"${'a'.repeat(MIB)}`],
    ['bad escapes', `"${'\\q'.repeat(MIB / 2)}"`],
    ['colons', ': '.repeat(MIB / 2)],
    ['question marks', '? '.repeat(MIB / 2)],
  ])('are refused in bounded time: %s', (_title, text) => {
    const startedMs = performance.now()
    const { problems } = refused(text)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.length).toBeLessThanOrEqual(20)
    // Seconds at most; what the library does with some of them unguarded takes minutes.
    expect(performance.now() - startedMs).toBeLessThan(20_000)
  })

  test('are refused at the first bracket too many', () => {
    expect(refused('['.repeat(MIB)).problems[0]).toMatchObject({ line: 1, column: 33 })
  })

  test('nesting is bounded by 32', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseStrictYaml(`a: ${nested(31)}`).value).toBeTypeOf('object')
    expect(refused(`a: ${nested(33)}`).problems[0]?.reason).toMatch(/nested more than 32 deep/)
    expect(refused(`${'- '.repeat(34)}x`).problems[0]?.reason).toMatch(/nested more than 32 deep/)
  })
})
