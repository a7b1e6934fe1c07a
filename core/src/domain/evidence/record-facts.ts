import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { OUTCOME_EVENT } from './outcome-record.ts'
import { DECISION_EVENT } from './record.ts'

/** What a record is searched by. A fact that the record does not state is empty. */
export interface RecordFacts {
  /** `other`: the log's own records, such as a change of keys, and what this version does not know. */
  readonly kind: 'decision' | 'outcome' | 'other'
  /** Evidence id. */
  readonly id: string
  readonly tool: string
  /** A DID or `apikey:NAME`. */
  readonly principal: string
  /** Of a decision. */
  readonly decision: 'ALLOW' | 'DENY' | ''
  /** Of an outcome: the evidence id of the decision that it belongs to. */
  readonly decisionId: string
  /** Of an outcome. */
  readonly result: 'ok' | 'error' | ''
  /** RFC-006 code of a denial. */
  readonly denyReason: string
  /** The record's own time in milliseconds since the Unix epoch; 0 when it states none. */
  readonly atMs: number
}

const RFC_3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the facts of one stored record. The log treats entries as opaque bytes, so anything
 * may be found; what is no record is `other` without facts, and stays in its place.
 */
export function readRecordFacts(leaf: Uint8Array): RecordFacts {
  const record = parseObject(leaf)
  const field = (name: string): string => {
    const value = record[name]
    return typeof value === 'string' ? value : ''
  }
  const event = field('event.name')
  const decision = field('capiscio.decision')
  const result = field('io.capisc.result')
  return {
    kind: event === DECISION_EVENT ? 'decision' : event === OUTCOME_EVENT ? 'outcome' : 'other',
    id: field('id'),
    tool: field('capiscio.target'),
    principal: field('capiscio.agent.did'),
    decision: decision === 'ALLOW' || decision === 'DENY' ? decision : '',
    decisionId: field('capiscio.decision_id'),
    result: result === 'ok' || result === 'error' ? result : '',
    denyReason: field('capiscio.deny_reason'),
    atMs: parseTime(field('timestamp')),
  }
}

/** The members of a record; empty for bytes that are no JSON object. */
function parseObject(leaf: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return parseStrictJsonObject(utf8.decode(leaf))
  } catch {
    return {}
  }
}

function parseTime(text: string): number {
  const atMs = RFC_3339_UTC.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? 0 : atMs
}
