import { formatRfc3339 } from '../../lib/rfc3339.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LocalRevocationFile } from '../../ports/local-revocation-file.ts'
import type { VersionedBytes } from '../../ports/versioned-file.ts'
import { formatLocalLine, type LocalEntry, type LocalFileContent, parseLocalFile, parseSubject } from './local-file.ts'
import { RevocationRefused } from './revocation-refused.ts'

export type { LocalEntry } from './local-file.ts'

/** Who or what the operator of this core revoked, whatever the issuers say. */
export interface LocalRevocations {
  /** Whether the badge, or its subject, was revoked. Looks at memory only. */
  isRevoked(badge: { readonly jti: string; readonly subject: string }): boolean
  find(subject: string): LocalEntry | undefined
  /** In the order of revocation. */
  entries(): readonly LocalEntry[]
  /**
   * Revokes; durable and in force when it resolves. Repeated, it gives the first revocation.
   *
   * @throws {RevocationRefused} ENTRY_INVALID
   */
  revoke(subject: string, about?: { readonly reason?: string; readonly comment?: string }): Promise<LocalEntry>
  /** Takes a local revocation back. Returns whether there was one. */
  unrevoke(subject: string): Promise<boolean>
  /**
   * Reads the file again if it changed. Resolves to what to put in force, so that a caller
   * may first see whether everything else is in order too; `undefined` when nothing changed.
   *
   * @throws {RevocationRefused} LOCAL_FILE_MALFORMED; what was in force stays
   */
  reread(): Promise<(() => void) | undefined>
}

/**
 * Opens the local revocations of a core.
 *
 * @throws {RevocationRefused} LOCAL_FILE_MALFORMED: an entry that cannot be read may be a
 *   revocation, so the core must not decide without it
 */
export async function openLocalRevocations(file: LocalRevocationFile, clock: Clock): Promise<LocalRevocations> {
  let inForce = new Map<string, LocalEntry>()
  let version = ''
  let lastWrite: Promise<unknown> = Promise.resolve()

  const putInForce = (content: LocalFileContent, read: string): void => {
    inForce = new Map(content.entries.map((entry) => [entry.subject, entry]))
    version = read
  }

  const contentOf = ({ bytes }: VersionedBytes): LocalFileContent => {
    // Who takes the file away takes nothing back: that is a line of its own.
    if (bytes === undefined && inForce.size > 0) {
      const message = `${file.path} is gone. Put it back; what it said stays in force.`
      throw new RevocationRefused('LOCAL_FILE_MALFORMED', message)
    }
    try {
      return parseLocalFile(bytes ?? new Uint8Array())
    } catch (cause) {
      if (!(cause instanceof RevocationRefused)) throw cause
      throw new RevocationRefused(cause.code, `${file.path}: ${cause.message}`, { cause })
    }
  }

  /** Appends a line that is made when all earlier changes, by whomever, are known. */
  function change<T>(make: () => { readonly line?: string; readonly result: T }): Promise<T> {
    const written = lastWrite.then(async () => {
      const before = await file.read()
      const content = contentOf(before)
      putInForce(content, before.version)
      const { line, result } = make()
      if (line !== undefined) {
        await file.append(line, content.tornAt)
        const after = await file.read()
        putInForce(contentOf(after), after.version)
      }
      return result
    })
    lastWrite = written.catch(() => {})
    return written
  }

  const first = await file.read()
  putInForce(contentOf(first), first.version)

  return {
    isRevoked: ({ jti, subject }) => inForce.has(jti.toLowerCase()) || inForce.has(subject),
    find: (subject) => inForce.get(parseSubject(subject)),
    entries: () => [...inForce.values()],
    async revoke(text, { reason, comment } = {}) {
      const subject = parseSubject(text)
      return change(() => {
        const known = inForce.get(subject)
        if (known !== undefined) return { result: known }
        const entry: LocalEntry = {
          subject,
          revokedAtMs: clock.nowMs(),
          ...(reason !== undefined && reason !== '' && { reason }),
          ...(comment !== undefined && comment !== '' && { comment }),
        }
        return { line: formatLocalLine(entry), result: entry }
      })
    },
    async unrevoke(text) {
      const subject = parseSubject(text)
      return change(() => {
        if (!inForce.has(subject)) return { result: false }
        return { line: JSON.stringify({ unrevoke: subject, at: formatRfc3339(clock.nowMs()) }), result: true }
      })
    },
    async reread() {
      const current = await file.read(version)
      if (current === undefined) return undefined
      const content = contentOf(current)
      return () => putInForce(content, current.version)
    },
  }
}
