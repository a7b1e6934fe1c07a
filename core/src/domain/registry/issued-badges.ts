import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'
import type { RevokedBadge, StoredBadge } from '../../ports/registry-store.ts'
import { type Caller, callerName, demandOwner } from './caller.ts'
import type { RegistryContext } from './registry-context.ts'
import { RegistryRefused } from './registry-refused.ts'

export interface RevocationPage {
  readonly revocations: readonly RevokedBadge[]
  /** Absent on the last page. */
  readonly nextCursor: string | undefined
  /** Everything revoked before this is on this page, an earlier one, or a later one. */
  readonly syncedAtMs: number
}

/** Badges after they were issued (registry.md §6.3 to §6.5). */
export interface IssuedBadges {
  status(jti: string): Promise<StoredBadge>
  /** By an administrator or the subject's account. The first revocation stands. */
  revoke(caller: Caller, jti: string, reason: string | undefined): Promise<StoredBadge>
  /** @param cursor attacker-controlled */
  revocations(query: {
    readonly sinceMs: number
    readonly limit: number
    readonly cursor: string | undefined
  }): Promise<RevocationPage>
}

/** How long after its end a revoked badge stays in the list, in seconds: tolerated clocks, and then some. */
const LISTED_AFTER_END_SECONDS = 3600

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export function createIssuedBadges({
  store,
  trail,
  clock,
}: Pick<RegistryContext, 'store' | 'trail' | 'clock'>): IssuedBadges {
  /** No revocation is dated before a time that a list was told to be complete up to. */
  let newestSyncMs = 0

  async function badgeOf(jti: string): Promise<StoredBadge> {
    const badge = UUID.test(jti) ? await store.badge(jti) : undefined
    if (badge === undefined) throw new RegistryRefused('badge_not_found', 'This registry issued no such badge.')
    return badge
  }

  return {
    status: badgeOf,

    async revoke(caller, jti, reason) {
      trail.demandWritable()
      const badge = await badgeOf(jti)
      demandOwner(caller, { did: badge.subject, accountId: badge.accountId })
      const atMs = Math.max(clock.nowMs(), newestSyncMs)
      const entry = trail.entry('badge_revoked', { jti, did: badge.subject, actor: callerName(caller), reason })
      await store.revokeBadge(jti, { atMs, reason }, entry)
      await trail.flush()
      return badgeOf(jti)
    },

    async revocations({ sinceMs, limit, cursor }) {
      // Taken before the rows are read, so that nothing falls between two lists.
      const syncedAtMs = Math.max(clock.nowMs(), newestSyncMs)
      newestSyncMs = syncedAtMs
      const rows = await store.revocations({
        sinceMs,
        after: cursor === undefined ? undefined : parseCursor(cursor),
        limit: limit + 1,
        notEndedBefore: Math.floor(syncedAtMs / 1000) - LISTED_AFTER_END_SECONDS,
      })
      const revocations = rows.slice(0, limit)
      const last = revocations.at(-1)
      const nextCursor = rows.length > limit && last !== undefined ? formatCursor(last) : undefined
      return { revocations, nextCursor, syncedAtMs }
    },
  }
}

function formatCursor({ atMs, jti }: RevokedBadge): string {
  return encodeBase64url(new TextEncoder().encode(`${atMs} ${jti}`))
}

/** @throws {RegistryRefused} invalid_request */
function parseCursor(cursor: string): { readonly atMs: number; readonly jti: string } {
  const text = new TextDecoder().decode(decodeBase64url(cursor))
  const [, atMs, jti] = /^([0-9]{1,15}) ([0-9a-f-]{36})$/.exec(text) ?? []
  if (atMs !== undefined && jti !== undefined) return { atMs: Number(atMs), jti }
  throw new RegistryRefused('invalid_request', 'The cursor is not one that this registry gave out.')
}
