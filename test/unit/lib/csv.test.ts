import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvRow } from '../../../core/src/lib/csv.ts'

describe('a row of CSV', () => {
  it('separates cells with commas and ends with CRLF', () => {
    expect(csvRow(['a', '', 'b c'])).toBe('a,,b c\r\n')
  })

  it.each([
    ['a comma', 'a,b', '"a,b"'],
    ['a quote', 'say "a"', '"say ""a"""'],
    ['a line break', 'a\nb', 'a\\u{a}b'],
    ['an escape sequence', '\u001b[31m', '\\u{1b}[31m'],
    ['a bidirectional override', '\u202e', '\\u{202e}'],
    ['space around it', ' a ', '" a "'],
  ])('keeps a cell with %s a cell', (_what, cell, expected) => {
    expect(csvRow([cell])).toBe(`${expected}\r\n`)
  })

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1', '＋1', '－1', '＠a'])(
    'shows %j as text, where a spreadsheet would run it',
    (cell) => {
      expect(csvRow([cell])).toMatch(/^"'/)
    },
  )

  it.each(['a=1', '1-1', 'a@b', 'did:web:a.example'])('leaves %j as it is', (cell) => {
    expect(csvRow([cell])).toBe(`${cell}\r\n`)
  })

  it('is one line of as many cells, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }), (cells) => {
        const row = csvRow(cells)
        expect(row.slice(0, -2)).not.toMatch(/[\r\n]/)
        expect(
          row
            .slice(0, -2)
            .match(/(?:"(?:[^"]|"")*"|[^",]*)(?:,|$)/g)
            ?.filter((_, i) => i < cells.length),
        ).toHaveLength(cells.length)
      }),
    )
  })
})
