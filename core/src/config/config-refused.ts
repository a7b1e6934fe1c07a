/** What kind of mistake a configuration has. Add codes, never rename one. */
export type ConfigProblemCode =
  /** The file cannot be read. */
  | 'FILE_UNREADABLE'
  /** The file is not strict YAML of the known fields. */
  | 'FILE_INVALID'
  /** A value is not what it must be. */
  | 'VALUE_INVALID'
  /** Two values contradict each other. */
  | 'CONFLICT'
  /** The deployment profile forbids the value. */
  | 'NOT_IN_PROFILE'
  /** The value is known, and this version cannot do what it asks for. */
  | 'NOT_AVAILABLE'

export interface ConfigProblem {
  readonly code: ConfigProblemCode
  /** `FILE:LINE:COLUMN`, the name of an environment variable, a flag, or `default`. */
  readonly source: string
  /** What is wrong and what to do. Never holds a secret. */
  readonly reason: string
}

/** The configuration is refused as a whole, with every problem that was found. */
export class ConfigRefused extends Error {
  override readonly name = 'ConfigRefused'
  readonly code = 'CONFIG_REFUSED'
  /** Never empty. */
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(({ source, reason }) => `${source}: ${reason}`).join('\n'), options)
    this.problems = problems
  }
}
