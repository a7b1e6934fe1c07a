/** A tool name pattern is malformed. A malformed pattern is never skipped: a typo would silently switch a rule off. */
export class ToolPatternRefused extends Error {
  override readonly name = 'ToolPatternRefused'
  readonly code = 'TOOL_PATTERN_MALFORMED'
  /** What is wrong and what to write instead, without the pattern itself. */
  readonly reason: string
  /** Code point of the pattern where the mistake is, counted from 1. */
  readonly position: number
  /** Place of the pattern in its list, counted from 0. Absent for a pattern on its own. */
  readonly index: number | undefined

  constructor(reason: string, position: number, index?: number) {
    super(`${reason} (at character ${position})`)
    this.reason = reason
    this.position = position
    this.index = index
  }
}
