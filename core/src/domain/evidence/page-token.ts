import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'
import { sha256 } from '../../lib/sha256.ts'
import type { IndexFilter } from '../../ports/evidence-index.ts'

const POSITION_BYTES = 8
const QUERY_BYTES = 16

/**
 * Where a search goes on: below this position, for this question. Positions never change,
 * so a token stays good while records are added. It is bound to the log and the filter,
 * because with other ones it would silently skip records; it holds no secret and gives no right.
 */
export function formatPageToken(before: number, origin: string, filter: IndexFilter): string {
  const bytes = new Uint8Array(POSITION_BYTES + QUERY_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(before))
  bytes.set(queryName(origin, filter), POSITION_BYTES)
  return encodeBase64url(bytes)
}

/** The position in a token; `undefined` for text that is no token of this question. */
export function parsePageToken(token: string, origin: string, filter: IndexFilter): number | undefined {
  const bytes = decodeBase64url(token)
  if (bytes?.length !== POSITION_BYTES + QUERY_BYTES) return undefined
  const before = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
  if (before > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  // Formatting is one-to-one, so this also compares the name of the question.
  return formatPageToken(Number(before), origin, filter) === token ? Number(before) : undefined
}

function queryName(origin: string, filter: IndexFilter): Uint8Array {
  const { kind, tool, principal, decision, decisionId, sinceMs, untilMs } = filter
  const question = JSON.stringify([
    origin,
    ...[kind, tool, principal, decision, decisionId, sinceMs, untilMs].map((part) => part ?? null),
  ])
  return sha256(new TextEncoder().encode(question)).slice(0, QUERY_BYTES)
}
