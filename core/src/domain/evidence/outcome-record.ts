import { encodeSortedFields, integer, optional, text, timestamp } from './record-fields.ts'

/** What `event.name` says in a record of this kind. */
export const OUTCOME_EVENT = 'capiscio.tool_outcome'

/**
 * How an allowed call ended, as its SDK reports it. It says what was claimed by the process
 * that ran the tool, and is linked to the decision that let it run.
 */
export interface OutcomeRecord {
  /** Evidence id of this record, a version 4 UUID. */
  readonly id: string
  /** Wall clock when the report arrived, milliseconds since the Unix epoch. */
  readonly atMs: number
  /** Evidence id of the decision. */
  readonly decisionId: string
  /** The principal of the decision, or empty. */
  readonly agentDid: string
  /** The tool of the decision. */
  readonly target: string
  readonly result: 'ok' | 'error'
  /** How long the tool ran, in whole milliseconds. */
  readonly durationMs: number
  /** `sha256:` + base64url over the JCS form of the result, where it is JSON. */
  readonly resultHash?: string | undefined
  readonly coreVersion: string
}

/**
 * The bytes of an outcome record: canonical JSON (RFC 8785), flat, UTF-8.
 *
 * @throws RangeError when the entry would exceed 65535 bytes, the time is outside the
 *   years 0 to 9999, or the duration is not an integer
 */
export function encodeOutcomeRecord(record: OutcomeRecord): Uint8Array {
  return encodeSortedFields({
    'capiscio.agent.did': text(record.agentDid),
    'capiscio.decision_id': text(record.decisionId),
    'capiscio.target': text(record.target),
    'event.name': OUTCOME_EVENT,
    id: text(record.id),
    'io.capisc.core_version': text(record.coreVersion),
    'io.capisc.duration_ms': integer(record.durationMs, 'durationMs'),
    'io.capisc.result': record.result,
    'io.capisc.result_hash': optional(record.resultHash),
    timestamp: timestamp(record.atMs),
  })
}
