import type { AuthLevel, Outcome, TrustLevel } from './enums/decision.ts'
import { CapiscioError } from './errors.ts'

/** Evidence that is not what it should be: no record, or the record of another decision. */
export class EvidenceError extends CapiscioError {
  override readonly name = 'EvidenceError'
  readonly code = 'EVIDENCE_INVALID'
  /** Id of the record, where one could be read. */
  readonly evidenceId: string | undefined

  constructor(message: string, options: { evidenceId?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.evidenceId = options.evidenceId
  }
}

/** The record of one decision (RFC-006 §5), with this SDK's names. */
export interface EvidenceRecord {
  /** UUID, the `evidenceId` of the answer. */
  readonly id: string
  /** Time of the decision. */
  readonly time: Date
  /** The tool. */
  readonly target: string
  /** Whether the tool could run. */
  readonly decision: Outcome
  /** Code of a denial, such as `TOOL_TRUST_INSUFFICIENT`. */
  readonly denyReason: string | undefined
  /** Verified caller: a DID. Empty for callers without one. */
  readonly agentDid: string
  /** Kind of credential that was presented. */
  readonly authLevel: AuthLevel
  /** `jti` of a verified badge. */
  readonly badgeJti: string | undefined
  /** Level of the caller's badge; 0 also where there was none: see `agentDid` and `authLevel`. */
  readonly trustLevel: TrustLevel
  /** Hash of the arguments, as `computeParamsHash` makes it. */
  readonly paramsHash: string | undefined
  /** Version of the core's policy that decided. */
  readonly policyVersion: string
  /** Every member under its own name, those without a place above included. */
  readonly members: Readonly<Record<string, unknown>>
}

/** What an answer tells about its record. */
interface Recorded {
  readonly evidenceId?: string | undefined
  readonly evidenceJson?: string | undefined
}

const EVENT = 'capiscio.tool_invocation'
const AUTH_LEVELS: readonly unknown[] = ['anonymous', 'apikey', 'badge', 'badge+envelope'] satisfies AuthLevel[]

/**
 * Reads the record of a decision. It says what the core wrote; whether the log holds it is
 * told by a proof, which `capiscio evidence verify` checks.
 *
 * ```ts
 * const record = parseEvidenceRecord(await evaluateToolAccess('read_rows', { limit: 10 }))
 * ```
 *
 * @param evidence The JSON text of a record, or an answer that carries one. Of an answer the
 * record must be its own.
 * @throws EvidenceError when there is none, or it is no record of a tool call.
 */
export function parseEvidenceRecord(evidence: string | Recorded): EvidenceRecord {
  const { evidenceJson, evidenceId } = typeof evidence === 'string' ? { evidenceJson: evidence } : evidence
  if (evidenceJson === undefined) throw new EvidenceError('The answer has no record: none could be written.')
  const members = parseMembers(evidenceJson)
  const id = text(members, 'id')
  if (evidenceId !== undefined && id !== evidenceId) {
    throw new EvidenceError(`The answer carries the record of another decision, ${id}.`, { evidenceId })
  }
  const fail = (name: string): never => {
    throw new EvidenceError(`The record ${id} has no usable "${name}".`, { evidenceId: id })
  }
  if (members['event.name'] !== EVENT) fail('event.name')
  const decision = members['capiscio.decision']
  if (decision !== 'ALLOW' && decision !== 'DENY') return fail('capiscio.decision')
  const authLevel = members['capiscio.auth.level']
  if (!AUTH_LEVELS.includes(authLevel)) fail('capiscio.auth.level')
  const trustLevel = members['trust_level']
  if (![0, 1, 2, 3, 4].includes(trustLevel as number)) fail('trust_level')
  const timestamp = text(members, 'timestamp')
  const time = new Date(timestamp)
  if (Number.isNaN(time.getTime())) fail('timestamp')
  return Object.freeze({
    id,
    time,
    target: text(members, 'capiscio.target'),
    decision,
    denyReason: optionalText(members, 'capiscio.deny_reason'),
    agentDid: text(members, 'capiscio.agent.did'),
    authLevel: authLevel as AuthLevel,
    badgeJti: optionalText(members, 'capiscio.badge.jti'),
    trustLevel: trustLevel as TrustLevel,
    paramsHash: optionalText(members, 'capiscio.tool.params_hash'),
    policyVersion: text(members, 'capiscio.policy_version'),
    members,
  })
}

function parseMembers(json: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new EvidenceError('The record is not JSON.', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EvidenceError('The record is not a JSON object.')
  }
  return Object.freeze(value as Record<string, unknown>)
}

function text(members: Readonly<Record<string, unknown>>, name: string): string {
  const value = members[name]
  if (typeof value === 'string') return value
  throw new EvidenceError(`The record has no "${name}".`, {
    evidenceId: typeof members.id === 'string' ? members.id : undefined,
  })
}

function optionalText(members: Readonly<Record<string, unknown>>, name: string): string | undefined {
  return members[name] === undefined ? undefined : text(members, name)
}
