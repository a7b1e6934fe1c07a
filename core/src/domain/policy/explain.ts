import type { Demands, MinIal, MinTrustLevel, Policy } from './policy.ts'
import { matchingRules, requirementFor, type ToolRequirement } from './requirement.ts'
import { matches } from './tool-pattern.ts'

/** A caller to try a policy with. */
export type SupposedCaller =
  | { readonly credential: 'anonymous' | 'apiKey' }
  | { readonly credential: 'badge'; readonly trustLevel: MinTrustLevel; readonly ial: MinIal }

/** Why a caller would be denied, in the names of decisions. */
export type ExplainedReason =
  | 'BADGE_MISSING'
  | 'TRUST_INSUFFICIENT'
  | 'IAL_INSUFFICIENT'
  | 'ISSUER_UNTRUSTED'
  | 'POLICY_DENIED'
  | 'TOOL_NOT_ALLOWED'

/** Where a demand comes from: the default, or a place in `tools`. */
export type DemandSource = 'default' | number

/** What a policy says about one tool, and why. */
export interface PolicyExplanation {
  readonly tool: string
  readonly policyVersion: string
  readonly rules: readonly { readonly index: number; readonly line: number; readonly matchedBy: readonly string[] }[]
  readonly requirement: ToolRequirement
  /** For each field that demands something, who demands it at its strictest. */
  readonly sources: Readonly<Record<ExplainedField, readonly DemandSource[]>>
  /** Absent when no caller was supposed. */
  readonly verdict: ExplainedVerdict | undefined
}

export type ExplainedField = 'denied' | 'minTrustLevel' | 'minIal' | 'requireBadge' | 'issuers' | 'audiences'

export interface ExplainedVerdict {
  readonly outcome: 'ALLOW' | 'DENY'
  /** Absent when the outcome is ALLOW. */
  readonly reason: ExplainedReason | undefined
  /** One sentence. */
  readonly message: string
}

/**
 * Says what the policy demands for a tool and whether a caller would meet it. The badge of
 * a supposed caller is taken to verify, and to fit issuers and audience where it can.
 */
export function explainTool(policy: Policy, tool: string, caller: SupposedCaller | undefined): PolicyExplanation {
  const requirement = requirementFor(policy, tool)
  const matched = matchingRules(policy, tool)
  const demands: readonly (readonly [DemandSource, Demands])[] = [
    ...(policy.default === undefined ? [] : [['default', policy.default] as const]),
    ...matched.map((rule) => [rule.index, rule.demands] as const),
  ]
  const from = (demanded: (demands: Demands) => boolean) =>
    demands.filter(([, one]) => demanded(one)).map(([source]) => source)
  const { minTrustLevel, minIal } = requirement
  return {
    tool,
    policyVersion: policy.version,
    rules: matched.map(({ index, line, patterns }) => ({
      index,
      line,
      matchedBy: patterns.filter((pattern) => matches(pattern, tool)).map(({ text }) => text),
    })),
    requirement,
    sources: {
      denied: matched.filter((rule) => rule.deny).map(({ index }) => index),
      minTrustLevel: from((one) => one.minTrustLevel > 0 && one.minTrustLevel === minTrustLevel),
      minIal: from((one) => one.minIal > 0 && one.minIal === minIal),
      requireBadge: from((one) => one.requireBadge),
      issuers: from((one) => one.issuers !== undefined),
      audiences: from((one) => one.audience !== undefined),
    },
    verdict: caller === undefined ? undefined : judge(requirement, caller),
  }
}

/** The order is that of decisions (guard.md §4): the badge, its levels, then the tool. */
function judge(requirement: ToolRequirement, caller: SupposedCaller): ExplainedVerdict {
  const { denied, listed, minTrustLevel, minIal, requireBadge, issuers } = requirement
  const badge = caller.credential === 'badge' ? caller : undefined
  // Issuers are part of verifying a badge, which comes before everything that it says.
  if (badge !== undefined && issuers?.length === 0) {
    return deny('ISSUER_UNTRUSTED', 'The matching rules have no issuer in common, so that no badge fits.')
  }
  if (badge === undefined && requireBadge) {
    return deny('BADGE_MISSING', 'The tool needs a badge.')
  }
  if (caller.credential === 'anonymous' && (minTrustLevel > 0 || minIal > 0)) {
    return deny('BADGE_MISSING', 'The tool needs a trust level or assurance that an anonymous caller does not have.')
  }
  if ((badge?.trustLevel ?? 0) < minTrustLevel) {
    return deny('TRUST_INSUFFICIENT', `The tool needs trust level ${minTrustLevel}.`)
  }
  if ((badge?.ial ?? 0) < minIal) {
    return deny('IAL_INSUFFICIENT', `The tool needs identity assurance level ${minIal}.`)
  }
  if (denied) return deny('POLICY_DENIED', 'A rule denies the tool to everyone.')
  if (!listed) return deny('TOOL_NOT_ALLOWED', 'No rule matches the tool, and the policy has no default.')
  return { outcome: 'ALLOW', reason: undefined, message: 'The caller meets every demand of the policy.' }
}

function deny(reason: ExplainedReason, message: string): ExplainedVerdict {
  return { outcome: 'DENY', reason, message }
}
