import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { AudienceDemand } from '../badge/audience.ts'
import type { BadgeVerifier } from '../badge/badge-verifier.ts'
import { EvidenceOverloaded } from '../evidence/evidence-errors.ts'
import { encodeRecord } from '../evidence/record.ts'
import type { Policy } from '../policy/policy.ts'
import { requirementFor, type ToolRequirement, tighten } from '../policy/requirement.ts'
import type { TrustedIssuers } from '../trust/trusted-issuers.ts'
import type { AccessRequest } from './access-request.ts'
import type { ApiKeyRing } from './api-keys.ts'
import { type Authenticated, authenticate, authLevelOf } from './authenticate.ts'
import { authorize } from './authorize.ts'
import { type AuthLevel, type Decision, NOBODY, type Verdict } from './decision.ts'
import { Denial } from './denial.ts'
import { DENY_CODES } from './deny-reason.ts'

/** What the guard needs of the evidence log: durable when `append` resolves. */
export interface EvidenceSink {
  readonly origin: string
  append(leaf: Uint8Array): Promise<{ readonly index: number }>
}

/** What decides; replaced as a whole on reload, so that one decision sees one version. */
export interface GuardRules {
  readonly policy: Policy
  readonly issuers: TrustedIssuers
  /** The core's own identifiers, and whether badges must name one. */
  readonly audience: Pick<AudienceDemand, 'own' | 'required'>
  readonly apiKeys: ApiKeyRing
}

export interface ToolGuardOptions {
  readonly rules: () => GuardRules
  readonly badges: Pick<BadgeVerifier, 'verify'>
  readonly evidence: EvidenceSink
  /** Told of each call that may run, by the id and the durable record of its decision. */
  readonly openCalls: { add(id: string, leaf: Uint8Array): void }
  readonly clock: Clock
  readonly random: Random
  readonly telemetry: Pick<Telemetry, 'decided' | 'fault'>
  readonly coreVersion: string
}

export interface ToolGuard {
  /**
   * Decides one tool call and records the decision. The record is durable when this
   * resolves, or the outcome is DENY with EVIDENCE_UNAVAILABLE.
   *
   * @throws {EvidenceOverloaded} when too many records wait; nothing was decided.
   */
  evaluate(request: AccessRequest): Promise<Decision>
  /**
   * Whether `evaluate` would allow the same request now. For listings: nothing is recorded,
   * so nothing may run on this answer.
   */
  wouldAllow(request: AccessRequest): Promise<boolean>
  /**
   * Whether a caller is who it says, by the core's trust and the request's demands, before any
   * tool is named; `toolName` is what it wants to reach. A refusal is recorded as `evaluate`
   * records one. An acceptance is not: nothing runs on it.
   *
   * @throws {EvidenceOverloaded} as `evaluate` does
   */
  authenticate(request: AccessRequest): Promise<Authentication>
}

/** Who calls, or the recorded refusal. */
export type Authentication =
  | { readonly caller: Authenticated; readonly authLevel: AuthLevel }
  | { readonly refusal: Decision }

/** What is demanded before a tool is named: no rule of the policy speaks of that. */
const NO_TOOL: ToolRequirement = {
  denied: false,
  listed: true,
  minTrustLevel: 0,
  minIal: 0,
  requireBadge: false,
  issuers: undefined,
  audiences: [],
  matchedRules: [],
}

interface Judgement {
  readonly verdict: Verdict
  readonly authenticated: Authenticated
}

/** The procedure of guard.md §4: authenticate, authorize, record, answer. */
export function createToolGuard(options: ToolGuardOptions): ToolGuard {
  const { rules: currentRules, badges, evidence, openCalls, clock, random, telemetry, coreVersion } = options

  async function judge(request: AccessRequest, rules: GuardRules, namesTool = true): Promise<Judgement> {
    let authenticated: Authenticated = { principal: NOBODY }
    try {
      const { demands } = request
      const requirement = tighten(namesTool ? requirementFor(rules.policy, request.toolName) : NO_TOOL, demands)
      authenticated = await authenticate(request.credential, badgeDemands(rules, requirement, request), {
        badges,
        apiKeys: rules.apiKeys,
      })
      const allowedByRequest = !namesTool || demands === undefined || demands.allowedTools.covers(request.toolName)
      authorize(
        requirement,
        authLevelOf(request.credential),
        authenticated.principal,
        request.toolName,
        allowedByRequest,
      )
      return { verdict: { outcome: 'ALLOW' }, authenticated }
    } catch (thrown) {
      if (thrown instanceof Denial) return { verdict: thrown.toVerdict(), authenticated }
      // Anything unexpected is a denial too: counted, logged with its cause, recorded.
      telemetry.fault({ where: 'guard', cause: thrown })
      const message = 'The core met an unexpected fault while deciding; its log has the cause.'
      return { verdict: { outcome: 'DENY', reason: 'INTERNAL', message }, authenticated: { principal: NOBODY } }
    }
  }

  /** Everything that a decision takes once. */
  const begin = () => ({
    startedMs: clock.monotonicMs(),
    id: random.uuid(),
    atMs: clock.nowMs(),
    rules: currentRules(),
  })

  async function record(
    request: AccessRequest,
    { startedMs, id, atMs, rules }: ReturnType<typeof begin>,
    { verdict, authenticated }: Judgement,
  ): Promise<Decision> {
    const { principal, cacheHit, revocationAgeMs } = authenticated
    const denied = verdict.outcome === 'DENY' ? verdict : undefined

    const decided = {
      principal,
      authLevel: authLevelOf(request.credential),
      policyVersion: rules.policy.version,
      atMs,
    }
    const leaf = encodeRecord({
      id,
      atMs,
      agentDid: principal.name,
      badgeJti: principal.badgeJti,
      authLevel: decided.authLevel,
      target: request.toolName,
      policyVersion: decided.policyVersion,
      decision: verdict.outcome,
      denyReason: denied && DENY_CODES[denied.reason],
      paramsHash: request.paramsHash,
      trustLevel: principal.trustLevel ?? 0,
      serverOrigin: request.serverOrigin,
      ial: principal.ial,
      reason: denied?.reason,
      cacheHit,
      revocationAgeSeconds: revocationAgeMs === undefined ? undefined : Math.floor(revocationAgeMs / 1000),
      coreVersion,
      sdk: request.sdk,
      traceparent: request.traceparent,
      requestPolicyVersion: request.requestPolicyVersion,
    })

    let decision: Decision
    try {
      const { index } = await evidence.append(leaf)
      if (verdict.outcome === 'ALLOW') openCalls.add(id, leaf)
      decision = {
        ...decided,
        outcome: verdict.outcome,
        reason: denied?.reason,
        code: denied ? DENY_CODES[denied.reason] : '',
        message: denied?.message ?? 'The caller may run this tool.',
        evidence: { id, origin: evidence.origin, index, leaf },
      }
    } catch (thrown) {
      if (thrown instanceof EvidenceOverloaded) throw thrown
      decision = {
        ...decided,
        outcome: 'DENY',
        reason: 'EVIDENCE_UNAVAILABLE',
        code: DENY_CODES.EVIDENCE_UNAVAILABLE,
        message: 'The decision could not be recorded, so nothing may run. The core must be restarted by its operator.',
        evidence: undefined,
      }
    }

    telemetry.decided({
      outcome: decision.outcome,
      reason: decision.reason ?? 'NONE',
      tool: request.toolName,
      principal: principal.name,
      badgeJti: principal.badgeJti,
      evidenceId: decision.evidence?.id ?? '',
      durationMs: clock.monotonicMs() - startedMs,
    })
    return decision
  }

  return {
    async wouldAllow(request) {
      const { verdict } = await judge(request, currentRules())
      return verdict.outcome === 'ALLOW'
    },

    async authenticate(request) {
      const begun = begin()
      const judgement = await judge(request, begun.rules, false)
      if (judgement.verdict.outcome === 'DENY') return { refusal: await record(request, begun, judgement) }
      return { caller: judgement.authenticated, authLevel: authLevelOf(request.credential) }
    },

    async evaluate(request) {
      const begun = begin()
      return record(request, begun, await judge(request, begun.rules))
    },
  }
}

/** Trust as this call sees it: the core's, narrowed by policy, narrowed by the request. */
function badgeDemands(rules: GuardRules, requirement: ToolRequirement, { demands }: AccessRequest) {
  let { issuers } = rules
  if (requirement.issuers !== undefined) issuers = issuers.onlyIssuers(requirement.issuers)
  if (demands !== undefined) issuers = issuers.narrow(demands.trustedIssuers, demands.acceptLevelZero)
  return { issuers, audience: { ...rules.audience, alsoOneOf: requirement.audiences } }
}
