import { sha256Base64url } from '../../core/src/lib/sha256.ts'
import type { IssuerKeySource } from '../../core/src/ports/issuer-keys.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

/** Key sets in memory. What was published but not fetched yet appears when it is asked for. */
export interface MemoryIssuerKeys extends IssuerKeySource {
  /** Issuers asked for so far, in order; `!` marks a request for a newer set. */
  readonly asked: readonly string[]
  /** Makes a set current at once. */
  publish(issuer: string, keys: readonly object[]): void
  publishText(issuer: string, jwks: string): void
  /** Makes a set current from the next `freshenFor` on. */
  publishUnseen(issuer: string, keys: readonly object[]): void
  /** From now on the issuer's keys cannot be had. */
  takeAway(issuer: string): void
}

export function createMemoryIssuerKeys(): MemoryIssuerKeys {
  const current = new Map<string, string>()
  const unseen = new Map<string, string>()
  const asked: string[] = []

  async function keySet(issuer: string) {
    const jwks = current.get(issuer)
    if (jwks === undefined) throw new SourceUnavailable(`no keys of ${issuer}`)
    return { jwks, version: sha256Base64url(jwks) }
  }
  return {
    asked,
    publish: (issuer, keys) => void current.set(issuer, JSON.stringify({ keys })),
    publishText: (issuer, jwks) => void current.set(issuer, jwks),
    publishUnseen: (issuer, keys) => void unseen.set(issuer, JSON.stringify({ keys })),
    takeAway: (issuer) => void current.delete(issuer),
    keySet(issuer) {
      asked.push(issuer)
      return keySet(issuer)
    },
    freshenFor(issuer) {
      asked.push(`${issuer}!`)
      const newer = unseen.get(issuer)
      if (newer !== undefined) current.set(issuer, newer)
      return keySet(issuer)
    },
  }
}
