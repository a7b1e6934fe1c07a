import { printable } from '../print.ts'
import type { StoredRecord } from './read-records.ts'

const utf8 = new TextDecoder()

/** A record as JSON output has it: its place, and the record as it is stored. */
export function recordAsJson({ origin, index, leaf }: StoredRecord): object {
  return { log: origin, index, record: parsed(leaf) }
}

/** A record as one line for people. */
export function recordAsLine({ index, facts }: StoredRecord): string {
  const { kind, decision, denyReason, result, tool, principal, id, decisionId, atMs } = facts
  const time = atMs === 0 ? '-' : new Date(atMs).toISOString()
  const what = kind === 'decision' ? decision : kind === 'outcome' ? `${result} of ${decisionId}` : 'other'
  const parts = [String(index), time, what, tool || '-', principal || 'anonymous', denyReason, id]
  return parts
    .filter((part) => part !== '')
    .map(printable)
    .join('  ')
}

/** What is no JSON is shown as what it is: bytes. */
function parsed(leaf: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(leaf))
  } catch {
    return { 'io.capisc.unreadable': Buffer.from(leaf).toString('base64') }
  }
}
