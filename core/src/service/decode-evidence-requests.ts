import { durationMs, type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt'
import {
  CallResult,
  type GetRecordRequest,
  Outcome as ProtoOutcome,
  type QueryRequest,
  RecordKind,
  type RecordOutcomeRequest,
} from '@capiscio/proto/core/v1'
import type { Outcome } from '../domain/evidence/outcome-recorder.ts'
import type { IndexFilter } from '../ports/evidence-index.ts'
import { EVALUATE_LIMITS } from './evaluate-limits.ts'
import { type FieldViolation, invalidArgument } from './rpc-fault.ts'

const EVIDENCE_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const RESULT_HASH = /^sha256:[A-Za-z0-9_-]{43}$/
const ID_RULE = 'must be an evidence id: a lower-case UUID, as in a decision'

/** Longest principal that a record can name, in UTF-8 bytes. */
const MAX_PRINCIPAL_BYTES = 2_048
const MAX_PAGE_TOKEN_BYTES = 256
const DEFAULT_PAGE_SIZE = 100
const MAX_PAGE_SIZE = 1_000
/** No tool call runs for longer than a year. */
const MAX_DURATION_MS = 366 * 24 * 60 * 60 * 1000

/**
 * An evidence id, or a position.
 *
 * @throws {RpcFault} INVALID_ARGUMENT
 */
export function decodeGetRecord(key: GetRecordRequest['key']): string | number {
  switch (key.case) {
    case 'evidenceId':
      if (!EVIDENCE_ID.test(key.value)) throw invalidArgument([{ field: 'evidence_id', description: ID_RULE }])
      return key.value
    case 'leafIndex':
      if (key.value > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw invalidArgument([{ field: 'leaf_index', description: 'must be at most 2^53 - 1' }])
      }
      return Number(key.value)
    case undefined:
      throw invalidArgument([{ field: 'key', description: 'is required: evidence_id or leaf_index' }])
  }
}

export interface DecodedQuery {
  readonly filter: IndexFilter
  readonly token: string
  readonly limit: number
}

/** @throws {RpcFault} INVALID_ARGUMENT naming every wrong field */
export function decodeQuery(message: QueryRequest): DecodedQuery {
  const { toolName, principal, outcome, kind, decisionId, since, until, pageSize, pageToken } = message
  const violations: FieldViolation[] = []
  const check = (valid: boolean, field: string, description: string): void => {
    if (!valid) violations.push({ field, description })
  }
  const checkBytes = (text: string, max: number, field: string): void =>
    check(Buffer.byteLength(text) <= max, field, `must be at most ${max} bytes of UTF-8`)

  checkBytes(toolName, EVALUATE_LIMITS.toolNameBytes, 'tool_name')
  checkBytes(principal, MAX_PRINCIPAL_BYTES, 'principal')
  check(Object.hasOwn(OUTCOMES, outcome), 'outcome', `${outcome} is not an outcome`)
  check(Object.hasOwn(KINDS, kind), 'kind', `${kind} is not a kind of record`)
  check(decisionId === '' || EVIDENCE_ID.test(decisionId), 'decision_id', ID_RULE)
  const sinceMs = decodeTime(since, 'since', check)
  const untilMs = decodeTime(until, 'until', check)
  check(pageSize <= MAX_PAGE_SIZE, 'page_size', `must be 1 to ${MAX_PAGE_SIZE}, or 0 for ${DEFAULT_PAGE_SIZE}`)
  checkBytes(pageToken, MAX_PAGE_TOKEN_BYTES, 'page_token')
  if (violations.length > 0) throw invalidArgument(violations)

  const decision = OUTCOMES[outcome]
  const wanted = KINDS[kind]
  return {
    filter: {
      ...(toolName !== '' && { tool: toolName }),
      ...(principal !== '' && { principal }),
      ...(decision !== undefined && { decision }),
      ...(wanted !== undefined && { kind: wanted }),
      ...(decisionId !== '' && { decisionId }),
      ...(sinceMs !== undefined && { sinceMs }),
      ...(untilMs !== undefined && { untilMs }),
    },
    token: pageToken,
    limit: pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize,
  }
}

const OUTCOMES: Readonly<Record<number, string | undefined>> = {
  [ProtoOutcome.UNSPECIFIED]: undefined,
  [ProtoOutcome.ALLOW]: 'ALLOW',
  [ProtoOutcome.DENY]: 'DENY',
}

const KINDS: Readonly<Record<number, string | undefined>> = {
  [RecordKind.UNSPECIFIED]: undefined,
  [RecordKind.DECISION]: 'decision',
  [RecordKind.OUTCOME]: 'outcome',
}

/** @throws {RpcFault} INVALID_ARGUMENT naming every wrong field */
export function decodeOutcome(message: RecordOutcomeRequest): Outcome {
  const { evidenceId, result, duration, resultHash } = message
  const violations: FieldViolation[] = []
  const check = (valid: boolean, field: string, description: string): void => {
    if (!valid) violations.push({ field, description })
  }
  check(EVIDENCE_ID.test(evidenceId), 'evidence_id', ID_RULE)
  check(
    result === CallResult.OK || result === CallResult.ERROR,
    'result',
    'must be CALL_RESULT_OK or CALL_RESULT_ERROR',
  )
  const ranMs = duration === undefined ? 0 : durationMs(duration)
  check(
    ranMs >= 0 && ranMs <= MAX_DURATION_MS,
    'duration',
    'must be how long the tool ran: not negative, and at most 366 days',
  )
  check(
    resultHash === '' || RESULT_HASH.test(resultHash),
    'result_hash',
    'must be empty, or "sha256:" and 43 characters of base64url without padding',
  )
  if (violations.length > 0) throw invalidArgument(violations)
  return {
    decisionId: evidenceId,
    result: result === CallResult.OK ? 'ok' : 'error',
    durationMs: Math.round(ranMs),
    resultHash,
  }
}

/** Years 1 to 9999, which is what a Timestamp may say. */
function decodeTime(
  time: Timestamp | undefined,
  field: string,
  check: (valid: boolean, field: string, description: string) => void,
): number | undefined {
  if (time === undefined) return undefined
  const valid = time.seconds >= -62_135_596_800n && time.seconds <= 253_402_300_799n
  check(valid && time.nanos >= 0 && time.nanos <= 999_999_999, field, 'is not a time between the years 1 and 9999')
  return valid ? timestampMs(time) : undefined
}
