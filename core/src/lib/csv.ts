/** What spreadsheets take for the start of a formula, in both widths. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r]/u

/**
 * One row of CSV (RFC 4180), which a spreadsheet shows and does not run: a cell that looks
 * like a formula gets an apostrophe before it, which says "text". Cells hold what callers
 * chose, so control characters are shown as escapes.
 */
export function csvRow(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(text: string): string {
  const visible = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\p{Cs}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
  const safe = FORMULA.test(text) ? `'${visible}` : visible
  return /[",']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
