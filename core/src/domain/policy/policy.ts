import type { ToolPattern } from './tool-pattern.ts'

/** Trust levels of RFC-002, from self-signed (0) to extended validation (4). */
export type MinTrustLevel = 0 | 1 | 2 | 3 | 4

/** Identity assurance levels of RFC-002: account attested (0), key possession proven (1). */
export type MinIal = 0 | 1

/** What a rule, or the default, demands of a caller. Absent lists demand nothing. */
export interface Demands {
  readonly minTrustLevel: MinTrustLevel
  readonly minIal: MinIal
  /** A verified badge is needed. Also set where `issuers` or `audience` is given, which only a badge can satisfy. */
  readonly requireBadge: boolean
  /** One of these must have issued the badge. */
  readonly issuers: readonly string[] | undefined
  /** The badge must be meant for one of these. */
  readonly audience: readonly string[] | undefined
}

/** One entry of `tools`. */
export interface PolicyRule {
  /** Place in `tools`, from 0. */
  readonly index: number
  /** Line of the file where the rule begins, from 1. */
  readonly line: number
  /** The rule speaks for a tool if one of them matches its name. */
  readonly patterns: readonly ToolPattern[]
  readonly deny: boolean
  readonly demands: Demands
}

/**
 * The floor below which no caller may go, whatever a request asks for. A value: it never
 * changes, and a reload makes another one.
 */
export interface Policy {
  /** `sha256:` + base64url of the file's bytes, or `none`. Recorded with every decision. */
  readonly version: string
  /** For every tool. Absent means that a tool which no rule matches is not allowed. */
  readonly default: Demands | undefined
  readonly rules: readonly PolicyRule[]
}

const NO_DEMANDS: Demands = Object.freeze({
  minTrustLevel: 0,
  minIal: 0,
  requireBadge: false,
  issuers: undefined,
  audience: undefined,
})

/** The policy of a core without a policy file: every tool, no floor. */
export const NO_POLICY: Policy = Object.freeze({ version: 'none', default: NO_DEMANDS, rules: Object.freeze([]) })
