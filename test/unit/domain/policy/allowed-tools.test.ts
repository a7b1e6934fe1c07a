import { describe, expect, test } from 'vitest'
import {
  type AllowedToolsCompiler,
  createAllowedToolsCompiler,
} from '../../../../core/src/domain/policy/allowed-tools.ts'
import { ToolPatternRefused } from '../../../../core/src/domain/policy/tool-pattern-refused.ts'
import { thrownBy } from './thrown-by.ts'

const compiler = (): AllowedToolsCompiler => createAllowedToolsCompiler({ maxLists: 4, maxCharacters: 1000 })

describe('allowed tools', () => {
  test('that are an empty list cover every tool', () => {
    expect(compiler().compile([]).covers('anything/at all')).toBe(true)
  })

  test('cover a tool when one pattern matches', () => {
    const tools = compiler().compile(['read_*', 'list_files'])
    expect(tools.covers('read_file')).toBe(true)
    expect(tools.covers('list_files')).toBe(true)
    expect(tools.covers('list_file')).toBe(false)
    expect(tools.covers('__proto__')).toBe(false)
  })

  test('with a malformed pattern are refused with its place, not without it', () => {
    const refused = thrownBy(ToolPatternRefused, () => compiler().compile(['read_*', 'write_*', '[oops']))
    expect(refused).toMatchObject({ index: 2, position: 1, code: 'TOOL_PATTERN_MALFORMED' })
  })

  test('with an empty pattern are refused: it would look like a list, and cover nothing', () => {
    expect(thrownBy(ToolPatternRefused, () => compiler().compile([''])).index).toBe(0)
  })
})

describe('compiled lists', () => {
  test('are kept by their content', () => {
    const kept = compiler()
    const first = kept.compile(['read_*', 'x'])
    expect(kept.compile(['read_*', 'x'])).toBe(first)
    expect(kept.compile(['x', 'read_*'])).not.toBe(first)
  })

  test('are not confused with lists that look alike when joined', () => {
    const kept = compiler()
    expect(kept.compile(['a","b']).covers('a')).toBe(false)
    expect(kept.compile(['a', 'b']).covers('a')).toBe(true)
    expect(kept.compile(['a,b']).covers('a')).toBe(false)
  })

  test('do not follow a change of the list', () => {
    const list = ['read_*']
    const tools = compiler().compile(list)
    list[0] = '*'
    expect(tools.covers('drop_table')).toBe(false)
  })

  test('are bounded by number', () => {
    const kept = compiler()
    const first = kept.compile(['first'])
    for (const name of ['a', 'b', 'c', 'd']) kept.compile([name])
    expect(kept.compile(['first'])).not.toBe(first)
  })

  test('are bounded by size, and still answer beyond it', () => {
    const kept = compiler()
    const list = ['x'.repeat(2000)]
    const tools = kept.compile(list)
    expect(tools.covers('x'.repeat(2000))).toBe(true)
    expect(kept.compile(list)).not.toBe(tools)
  })
})

test('a hostile list of the largest size over the longest name is answered in time', () => {
  const list = Array.from({ length: 1024 }, (_, at) => `*${'?'.repeat(1010)}${at}`)
  const startedMs = performance.now()
  expect(compiler().compile(list).covers('a'.repeat(1024))).toBe(false)
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})
