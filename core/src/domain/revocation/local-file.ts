import { formatRfc3339, parseRfc3339 } from '../../lib/rfc3339.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { RevocationRefused } from './revocation-refused.ts'

/** One thing that the operator revoked. */
export interface LocalEntry {
  /** `jti` of a badge, in lower case, or DID of a subject, all of whose badges are revoked. */
  readonly subject: string
  /** In milliseconds since the Unix epoch; 0 when the line does not say. */
  readonly revokedAtMs: number
  /** Name of a reason, such as `KEY_COMPROMISE`. */
  readonly reason?: string
  /** For people. */
  readonly comment?: string
}

export interface LocalFileContent {
  /** What is revoked, each once, in the order of revocation. */
  readonly entries: readonly LocalEntry[]
  /** Where a last line begins that was never written to its end, in bytes. It does not count: nobody was told that it does. */
  readonly tornAt?: number
}

type Members = Readonly<Record<string, unknown>>

const MEMBERS: ReadonlySet<string> = new Set(['jti', 'subject', 'unrevoke', 'at', 'reason', 'comment'])

const MAX_SUBJECT_LENGTH = 2048
const MAX_TEXT_LENGTH = 1024
const LINE_END = 0x0a

/**
 * Reads the file of local revocations: one JSON object per line, later lines after earlier
 * ones. `{"jti": "…"}` revokes a badge, `{"subject": "did:…"}` an agent or server, with
 * `at`, `reason` and `comment` if known; `{"unrevoke": "…"}` takes either back. Empty
 * lines are left out.
 *
 * @throws {RevocationRefused} LOCAL_FILE_MALFORMED, naming the line
 */
export function parseLocalFile(bytes: Uint8Array): LocalFileContent {
  const entries = new Map<string, LocalEntry>()
  const lastEnd = bytes.lastIndexOf(LINE_END) + 1
  const lines = decode(bytes.subarray(0, lastEnd)).split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.trim() !== '') apply(entries, parseLine(line, index + 1))
  }
  const tail = bytes.subarray(lastEnd)
  // Written by hand it may end without a line end; torn, it is no JSON object.
  if (!isWholeLine(tail)) return { entries: [...entries.values()], tornAt: lastEnd }
  const line = decode(tail)
  if (line.trim() !== '') apply(entries, parseLine(line, lines.length))
  return { entries: [...entries.values()] }
}

/** A revocation as its line, without the line's end. */
export function formatLocalLine({ subject, revokedAtMs, reason, comment }: LocalEntry): string {
  const named = subject.startsWith('did:') ? { subject } : { jti: subject }
  return JSON.stringify({ ...named, at: formatRfc3339(revokedAtMs), reason, comment })
}

/**
 * Reads what is to be revoked. Ids of badges are UUIDs, which count in any case; they are
 * kept in lower case, as issuers write them.
 *
 * @throws {RevocationRefused} ENTRY_INVALID
 */
export function parseSubject(text: string): string {
  if (text === '' || text.length > MAX_SUBJECT_LENGTH || /[\s\p{Cc}]/u.test(text) || !text.isWellFormed()) {
    throw new RevocationRefused(
      'ENTRY_INVALID',
      'Name the jti of a badge or the DID of an agent or server, without blanks',
    )
  }
  return text.startsWith('did:') ? text : text.toLowerCase()
}

type Line = { readonly revoke: LocalEntry } | { readonly unrevoke: string }

function apply(entries: Map<string, LocalEntry>, line: Line): void {
  if ('unrevoke' in line) entries.delete(line.unrevoke)
  else if (!entries.has(line.revoke.subject)) entries.set(line.revoke.subject, line.revoke)
}

function parseLine(text: string, number: number): Line {
  try {
    return toLine(parseStrictJsonObject(text))
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof RevocationRefused)) throw cause
    throw new RevocationRefused('LOCAL_FILE_MALFORMED', `Line ${number} is no local revocation. ${cause.message}`, {
      cause,
    })
  }
}

function toLine(members: Members): Line {
  const unknown = Object.keys(members).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined) throw new SyntaxError(`Known members are ${[...MEMBERS].join(', ')}`)
  const { jti, subject, unrevoke, at } = members
  const named = [jti, subject, unrevoke].filter((one) => one !== undefined)
  const [name] = named
  if (named.length !== 1 || typeof name !== 'string')
    throw new SyntaxError('Give one of jti, subject and unrevoke, as text')
  const isDid = name.startsWith('did:')
  if ((jti !== undefined && isDid) || (subject !== undefined && !isDid)) {
    throw new SyntaxError('A jti is the id of a badge, a subject is a DID')
  }
  const atMs = at === undefined ? 0 : parseRfc3339(at)
  if (atMs === undefined) throw new SyntaxError('The member at is no RFC 3339 time')
  if (unrevoke !== undefined) return { unrevoke: parseSubject(name) }
  return {
    revoke: {
      subject: parseSubject(name),
      revokedAtMs: atMs,
      ...textOf(members, 'reason'),
      ...textOf(members, 'comment'),
    },
  }
}

function textOf<Name extends 'reason' | 'comment'>(members: Members, name: Name): { readonly [N in Name]?: string } {
  const text = members[name]
  if (text === undefined) return {}
  if (typeof text !== 'string' || text.length > MAX_TEXT_LENGTH) {
    throw new SyntaxError(`The member ${name} is no text of at most ${MAX_TEXT_LENGTH} characters`)
  }
  return { [name]: text } as { readonly [N in Name]?: string }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new RevocationRefused('LOCAL_FILE_MALFORMED', 'The file of local revocations is no UTF-8 text', { cause })
  }
}

function isWholeLine(tail: Uint8Array): boolean {
  try {
    const line = new TextDecoder('utf-8', { fatal: true }).decode(tail)
    return line.trim() === '' || parseStrictJsonObject(line) !== undefined
  } catch {
    return false
  }
}
