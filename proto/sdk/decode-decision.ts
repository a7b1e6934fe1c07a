import { timestampDate } from '@bufbuild/protobuf/wkt'
import type { Decision } from '../core-v1.ts'
import { AuthLevel as AuthLevelNumber, DenyReason as DenyReasonNumber, Outcome as OutcomeNumber } from '../core-v1.ts'
import type { IdentityAssuranceLevel } from './enums/decision.ts'
import { AuthLevel, DenyReason, TrustLevel } from './enums/decision.ts'
import { CoreFaultError } from './errors.ts'
import type { AskedFor } from './recorded-allow.ts'
import { problemWithRecord } from './recorded-allow.ts'
import { redactSecrets } from './redact.ts'
import type { DeniedToolAccess, ToolAccess } from './tool-access.ts'

const AUTH_LEVELS: Readonly<Record<number, AuthLevel>> = {
  [AuthLevelNumber.ANONYMOUS]: AuthLevel.ANONYMOUS,
  [AuthLevelNumber.API_KEY]: AuthLevel.API_KEY,
  [AuthLevelNumber.BADGE]: AuthLevel.BADGE,
  [AuthLevelNumber.BADGE_ENVELOPE]: AuthLevel.BADGE_ENVELOPE,
}

const IAL_LEVELS: readonly IdentityAssuranceLevel[] = [0, 1]

const REASONS: ReadonlyMap<number, DenyReason> = new Map(
  Object.values(DenyReason).map((name) => [DenyReasonNumber[name], name]),
)

/**
 * Turns the core's answer into a `ToolAccess`. Doubt means deny: only OUTCOME_ALLOW with
 * the record of this very call becomes ALLOW, everything else is DENY, with `fault` set
 * when the answer was one that no correct core gives.
 *
 * @param secrets Removed from the texts of the answer.
 */
export function decodeDecision(
  decision: Decision | undefined,
  asked: AskedFor,
  secrets: readonly string[] = [],
): ToolAccess {
  const facts = {
    message: redactSecrets(decision?.message ?? '', secrets),
    principal: decision?.principal || undefined,
    badgeJti: decision?.badgeJti || undefined,
    authLevel: AUTH_LEVELS[decision?.authLevel ?? 0] ?? AuthLevel.ANONYMOUS,
    trustLevel: Object.values(TrustLevel).find((level) => level === decision?.trustLevel),
    ial: IAL_LEVELS.find((level) => level === decision?.ial),
    policyVersion: decision?.policyVersion ?? '',
    time: decision?.time === undefined ? new Date() : timestampDate(decision.time),
  }
  const leaf = decision === undefined || decision.leaf.length === 0 ? undefined : new Uint8Array(decision.leaf)
  const record = {
    evidenceId: decision?.evidenceId || undefined,
    logOrigin: decision?.logOrigin || undefined,
    leafIndex: decision?.leafIndex,
    leaf,
    evidenceJson: leaf === undefined ? undefined : decodeText(leaf),
  }
  const { evidenceId, logOrigin, leafIndex, evidenceJson } = record

  if (decision?.outcome === OutcomeNumber.ALLOW) {
    if (evidenceId === undefined || logOrigin === undefined || leafIndex === undefined || leaf === undefined) {
      return denyFault({ ...facts, ...record }, 'an ALLOW without its evidence record')
    }
    if (evidenceJson === undefined) return denyFault({ ...facts, ...record }, 'an ALLOW whose record is not UTF-8')
    const problem = problemWithRecord(evidenceJson, evidenceId, asked)
    if (problem !== undefined) return denyFault({ ...facts, ...record }, `an ALLOW, but ${problem}`)
    return seal({
      ...facts,
      outcome: 'ALLOW',
      reason: undefined,
      code: undefined,
      evidenceId,
      logOrigin,
      leafIndex,
      leaf,
      evidenceJson,
      fault: undefined,
    })
  }
  if (decision?.outcome !== OutcomeNumber.DENY) {
    const what = decision === undefined ? 'no decision' : `the unknown outcome ${decision.outcome}`
    return denyFault({ ...facts, ...record }, what)
  }
  // A newer core may have reasons that this SDK cannot name; its code string stays readable.
  const reason = REASONS.get(decision.reason) ?? DenyReason.INTERNAL
  const code = redactSecrets(decision.code, secrets) || DenyReason.INTERNAL
  return seal({ ...facts, ...record, outcome: 'DENY', reason, code, fault: undefined })
}

type Answer = Omit<DeniedToolAccess, 'outcome' | 'reason' | 'code' | 'fault'>

function denyFault(answer: Answer, what: string): ToolAccess {
  const message = `The core answered ${what}, so the tool must not run. Compare the versions of core and SDK.`
  return seal({
    ...answer,
    outcome: 'DENY',
    reason: DenyReason.INTERNAL,
    code: DenyReason.INTERNAL,
    message,
    fault: new CoreFaultError(message),
  })
}

function seal(access: ToolAccess): ToolAccess {
  // JSON has no bigint, and a decision is a natural thing to log.
  const toJSON = (): Record<string, unknown> => ({
    ...access,
    leafIndex: access.leafIndex?.toString(),
    leaf: undefined,
    fault: access.fault?.message,
  })
  Object.defineProperty(access, 'toJSON', { value: toJSON })
  return Object.freeze(access)
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
