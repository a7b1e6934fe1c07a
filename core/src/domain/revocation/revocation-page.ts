import { parseRfc3339 } from '../../lib/rfc3339.ts'
import { RevocationRefused } from './revocation-refused.ts'

/** Longest id that is taken, in characters. A `jti` has 36. */
const MAX_ID_LENGTH = 256

/** Longest cursor that is sent back, in characters. */
const MAX_CURSOR_LENGTH = 1024

/** One page of an issuer's list of revocations (registry.md §6.5). */
export interface RevocationPage {
  readonly ids: readonly string[]
  /** Absent on the last page. */
  readonly nextCursor?: string
  /** Up to when the list is complete by the issuer's clock, in milliseconds since the Unix epoch. */
  readonly syncedAtMs?: number
}

type Members = Readonly<Record<string, unknown>>

/**
 * Reads one page, or the shape that the reference keeps on disk, which is one page. A page
 * counts whole or not at all: an entry that cannot be read may be a revocation.
 *
 * @param members attacker-controlled
 * @throws {RevocationRefused} LIST_MALFORMED
 */
export function parseRevocationPage(members: Members): RevocationPage {
  const { revocations, nextCursor = null, syncedAt = null } = members
  if (!Array.isArray(revocations)) throw malformed('has no array named revocations')
  const syncedAtMs = syncedAt === null ? undefined : parseRfc3339(syncedAt)
  if (syncedAt !== null && syncedAtMs === undefined) throw malformed('has a syncedAt that is no RFC 3339 time')
  return {
    ids: revocations.map(idOf),
    ...(syncedAtMs !== undefined && { syncedAtMs }),
    ...(nextCursor !== null && { nextCursor: parseCursor(nextCursor) }),
  }
}

function idOf(entry: unknown, index: number): string {
  const jti = typeof entry === 'object' && entry !== null ? (entry as Members).jti : undefined
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_ID_LENGTH) {
    throw malformed(`has an entry ${index} without a jti of 1 to ${MAX_ID_LENGTH} characters`)
  }
  return jti
}

function parseCursor(cursor: unknown): string {
  if (typeof cursor !== 'string' || cursor === '' || cursor.length > MAX_CURSOR_LENGTH) {
    throw malformed(`has a nextCursor that is no text of 1 to ${MAX_CURSOR_LENGTH} characters`)
  }
  return cursor
}

function malformed(what: string): RevocationRefused {
  return new RevocationRefused('LIST_MALFORMED', `The list of revocations ${what}`)
}
