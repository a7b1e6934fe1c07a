import type { LocalRevocations } from '../../domain/revocation/local-revocations.ts'
import type { Revocations } from '../../domain/revocation/revocations.ts'
import type { BadgeStatusSource } from '../../ports/badge-status.ts'

export interface LateIssuers extends AsyncDisposable {
  readonly status: BadgeStatusSource
  readonly offlineStatus: BadgeStatusSource
}

/**
 * The standing of badges whose issuer was pinned while the core runs: its revocations are
 * opened when its first trusted badge comes. All other badges are asked about where they
 * always are, and what the operator of this core revoked counts for all.
 *
 * @param known opened at the start
 * @param knows whether they know an issuer
 * @param isPinned whether the issuer is trusted by a pinned key now
 * @param open revocations of one issuer
 */
export function createLateIssuers(
  known: Pick<Revocations, 'status' | 'offlineStatus'> & { readonly local: Pick<LocalRevocations, 'isRevoked'> },
  knows: (issuer: string) => boolean,
  isPinned: (issuer: string) => boolean,
  open: (issuer: string) => Promise<Revocations & Disposable>,
): LateIssuers {
  // One entry per pinned issuer: the operator's, not the callers', number.
  const late = new Map<string, Promise<Revocations & Disposable>>()

  function opened(issuer: string): Promise<Revocations & Disposable> {
    const found = late.get(issuer)
    if (found !== undefined) return found
    const opening = open(issuer)
    late.set(issuer, opening)
    // What failed once may succeed with the next badge.
    opening.then(
      (revocations) => revocations.start(),
      () => late.delete(issuer),
    )
    return opening
  }

  function statusBy(kind: 'status' | 'offlineStatus'): BadgeStatusSource {
    const isElsewhere = ({ issuer, level }: { readonly issuer: string; readonly level: number }): boolean =>
      level === 0 || knows(issuer) || !isPinned(issuer)
    return {
      async isRevoked(badge) {
        if (isElsewhere(badge)) return known[kind].isRevoked(badge)
        if (known.local.isRevoked(badge)) return { answer: true }
        const answer = await (await opened(badge.issuer))[kind].isRevoked(badge)
        return known.local.isRevoked(badge) ? { answer: true } : answer
      },
      async isAgentActive(badge) {
        if (isElsewhere(badge)) return known[kind].isAgentActive(badge)
        return (await opened(badge.issuer))[kind].isAgentActive(badge)
      },
    }
  }

  return {
    status: statusBy('status'),
    offlineStatus: statusBy('offlineStatus'),
    async [Symbol.asyncDispose]() {
      for (const revocations of await Promise.allSettled(late.values())) {
        if (revocations.status === 'rejected') continue
        await revocations.value.stop()
        revocations.value[Symbol.dispose]()
      }
    },
  }
}
