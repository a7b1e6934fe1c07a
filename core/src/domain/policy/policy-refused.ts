import type { YamlProblem } from '../../lib/strict-yaml.ts'

/** Why a policy file was refused. Add codes, never rename one. */
export type PolicyRefusalCode = 'POLICY_TOO_LARGE' | 'POLICY_NOT_UTF8' | 'POLICY_INVALID'

/** A policy file is not a policy. Nothing of it is used. */
export class PolicyRefused extends Error {
  override readonly name = 'PolicyRefused'
  readonly code: PolicyRefusalCode
  /** Every mistake found, in the order of the file, with its place and what to do. Never empty. */
  readonly problems: readonly YamlProblem[]

  constructor(code: PolicyRefusalCode, problems: readonly YamlProblem[], options?: ErrorOptions) {
    super(problems.map(({ line, column, reason }) => `line ${line}, column ${column}: ${reason}`).join('; '), options)
    this.code = code
    this.problems = problems
  }
}
