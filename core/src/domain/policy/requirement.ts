import { codePointsOf } from './pattern-terms.ts'
import type { Demands, MinIal, MinTrustLevel, Policy, PolicyRule } from './policy.ts'
import { matchesCodePoints } from './tool-pattern.ts'

/** What the policy demands of whoever calls one tool. */
export interface ToolRequirement {
  /** A rule denies the tool to everyone. */
  readonly denied: boolean
  /** A rule or the default speaks for the tool. If not, it is not allowed. */
  readonly listed: boolean
  readonly minTrustLevel: MinTrustLevel
  readonly minIal: MinIal
  readonly requireBadge: boolean
  /** One of these must have issued the badge; nobody can have if it is empty. Absent means any trusted issuer. */
  readonly issuers: readonly string[] | undefined
  /** The badge must be meant for one entry of each list. */
  readonly audiences: readonly (readonly string[])[]
  /** Places of the matching rules in `tools`, from 0, ascending. */
  readonly matchedRules: readonly number[]
}

/** The part of a request that can tighten a requirement. */
export interface RequestedMinimums {
  readonly minTrustLevel: MinTrustLevel
  readonly minIal: MinIal
  readonly requireBadge: boolean
}

/**
 * Folds the default and every rule that matches the tool: the strictest value of each
 * field wins, so that neither the order of rules nor one more rule can loosen anything.
 * (One more rule can list a tool that was not; where nothing is listed, nothing is allowed.)
 */
export function requirementFor(policy: Policy, toolName: string): ToolRequirement {
  const matched = matchingRules(policy, toolName)
  const demands = matched.map((rule) => rule.demands)
  if (policy.default !== undefined) demands.unshift(policy.default)
  return {
    denied: matched.some((rule) => rule.deny),
    listed: demands.length > 0,
    minTrustLevel: demands.reduce<MinTrustLevel>((floor, next) => higher(floor, next.minTrustLevel), 0),
    minIal: demands.reduce<MinIal>((floor, next) => higher(floor, next.minIal), 0),
    requireBadge: demands.some((next) => next.requireBadge),
    issuers: demands.reduce<ToolRequirement['issuers']>(commonIssuers, undefined),
    audiences: demands.flatMap(({ audience }) => (audience === undefined ? [] : [audience])),
    matchedRules: matched.map((rule) => rule.index),
  }
}

/** Rules that speak for the tool, in the order of the file. */
export function matchingRules(policy: Policy, toolName: string): readonly PolicyRule[] {
  if (policy.rules.length === 0) return []
  const name = codePointsOf(toolName)
  return policy.rules.filter((rule) => rule.patterns.some((pattern) => matchesCodePoints(pattern, name)))
}

/** Adds what a request demands. Whatever the values are, no field gets looser. Absent demands nothing. */
export function tighten(requirement: ToolRequirement, requested: RequestedMinimums | undefined): ToolRequirement {
  if (requested === undefined) return requirement
  return {
    ...requirement,
    minTrustLevel: higher(requirement.minTrustLevel, requested.minTrustLevel),
    minIal: higher(requirement.minIal, requested.minIal),
    requireBadge: requirement.requireBadge || requested.requireBadge,
  }
}

/** Not `Math.max`, which would turn a floor into NaN, below which nothing is. */
function higher<T extends number>(floor: T, other: T): T {
  return other > floor ? other : floor
}

function commonIssuers(common: readonly string[] | undefined, { issuers }: Demands): readonly string[] | undefined {
  if (issuers === undefined) return common
  if (common === undefined) return [...new Set(issuers)].sort()
  return common.filter((issuer) => issuers.includes(issuer))
}
