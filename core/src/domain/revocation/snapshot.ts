import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { parseRevocationPage } from './revocation-page.ts'
import { RevocationRefused } from './revocation-refused.ts'

/** Longest DID that is taken, in characters. */
const MAX_DID_LENGTH = 2048

/** What was known of an issuer when a file was made, brought to a core that reaches no network. */
export interface RevocationSnapshot {
  readonly ids: readonly string[]
  /** DIDs of every subject that is not active. Absent when the file says nothing about subjects. */
  readonly disabledSubjects?: ReadonlySet<string>
  /** In milliseconds since the Unix epoch. */
  readonly syncedAtMs: number
}

/**
 * Reads a snapshot: `{"syncedAt", "revocations": [{"jti", …}], "disabledSubjects"?: ["did:…"]}`,
 * the reference's `revocations.json` with one member more. Without that member nothing is
 * known about any subject, and badges of level 2 and above have no answer about theirs.
 *
 * @throws {RevocationRefused} SNAPSHOT_MALFORMED
 */
export function parseSnapshot(text: string): RevocationSnapshot {
  const members = parseObject(text)
  const { disabledSubjects } = members
  const page = parsePage(members)
  if (page.syncedAtMs === undefined) throw malformed('has no syncedAt, so that nobody knows how old it is')
  if (page.nextCursor !== undefined) throw malformed('is one page of several: bring all of them in one file')
  return {
    ids: page.ids,
    syncedAtMs: page.syncedAtMs,
    ...(disabledSubjects !== undefined && { disabledSubjects: parseSubjects(disabledSubjects) }),
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return parseStrictJsonObject(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw malformed(`is no JSON object: ${cause.message}`, cause)
  }
}

function parsePage(members: Readonly<Record<string, unknown>>) {
  try {
    return parseRevocationPage(members)
  } catch (cause) {
    if (!(cause instanceof RevocationRefused)) throw cause
    throw new RevocationRefused('SNAPSHOT_MALFORMED', cause.message, { cause })
  }
}

function parseSubjects(subjects: unknown): ReadonlySet<string> {
  if (!Array.isArray(subjects)) throw malformed('has a disabledSubjects that is no array')
  for (const did of subjects) {
    if (typeof did !== 'string' || !did.startsWith('did:') || did.length > MAX_DID_LENGTH) {
      throw malformed('has a disabledSubjects with something else than DIDs')
    }
  }
  return new Set(subjects)
}

function malformed(what: string, cause?: unknown): RevocationRefused {
  return new RevocationRefused('SNAPSHOT_MALFORMED', `The snapshot of revocations ${what}`, { cause })
}
