import type { AuthLevel, Principal } from './decision.ts'
import { Denial } from './denial.ts'

/** What policy and request together demand of the caller of one tool. */
export interface Requirement {
  readonly denied: boolean
  /** Whether any rule, or a default, speaks for this tool. */
  readonly listed: boolean
  readonly minTrustLevel: number
  readonly minIal: number
  readonly requireBadge: boolean
}

/**
 * Decides whether an authenticated caller may run the tool (guard.md §4 steps 4 and 6,
 * design order: badge demanded, trust, assurance, then the tool itself).
 *
 * @param allowedByRequest whether the request's own tool list covers the tool
 * @throws {Denial} with the first reason that applies
 */
export function authorize(
  requirement: Requirement,
  authLevel: AuthLevel,
  principal: Principal,
  toolName: string,
  allowedByRequest: boolean,
): void {
  if (requirement.requireBadge && authLevel !== 'badge') {
    throw new Denial('BADGE_MISSING', 'This tool needs a trust badge, and the caller presented none.')
  }
  const { minTrustLevel, minIal } = requirement
  if (minTrustLevel > 0 || minIal > 0) {
    if (authLevel === 'anonymous') {
      throw new Denial('BADGE_MISSING', `This tool needs a trust badge of level ${minTrustLevel} or higher.`)
    }
    // An API key has no level of its own: it satisfies no minimum above 0.
    const level = principal.trustLevel ?? 0
    if (level < minTrustLevel) {
      throw new Denial(
        'TRUST_INSUFFICIENT',
        `This tool needs trust level ${minTrustLevel}; the caller has ${authLevel === 'badge' ? `level ${level}` : 'an API key'}.`,
      )
    }
    const ial = principal.ial ?? 0
    if (ial < minIal) {
      throw new Denial('IAL_INSUFFICIENT', `This tool needs identity assurance level ${minIal}; the caller has ${ial}.`)
    }
  }
  if (requirement.denied) {
    throw new Denial('POLICY_DENIED', `The policy denies the tool ${JSON.stringify(toolName)} to everyone.`)
  }
  if (!requirement.listed) {
    throw new Denial('TOOL_NOT_ALLOWED', `No policy rule covers the tool ${JSON.stringify(toolName)}.`)
  }
  if (!allowedByRequest) {
    throw new Denial('TOOL_NOT_ALLOWED', `The MCP server's allowed tools do not cover ${JSON.stringify(toolName)}.`)
  }
}
