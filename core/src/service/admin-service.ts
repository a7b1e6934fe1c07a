import { AdminService } from '@capiscio/proto/core/v1'
import type { CacheStatistics } from '../domain/revocation/live-answers.ts'
import type { LocalRevocations } from '../domain/revocation/local-revocations.ts'
import { RevocationRefused } from '../domain/revocation/revocation-refused.ts'
import { invalidArgument, RpcFault } from './rpc-fault.ts'
import { implementService } from './service-implementation.ts'

/** Longest reason, in characters. */
const MAX_REASON_LENGTH = 1024

export interface AdminServiceOptions {
  /** Reads the files again. Resolves to the version of the policy in force, or to why everything stays as it was. */
  readonly reload: () => Promise<{ readonly policyVersion: string } | { readonly refused: string }>
  /** By name. */
  readonly caches: () => ReadonlyMap<string, CacheStatistics>
  readonly local: LocalRevocations
}

/** `capiscio.core.v1.AdminService`. */
export function createAdminService({ reload, caches, local }: AdminServiceOptions) {
  return implementService(AdminService, {
    async reload() {
      const outcome = await reload()
      if ('refused' in outcome) {
        throw new RpcFault('FAILED_PRECONDITION', `Everything stays as it was: ${outcome.refused}`)
      }
      return outcome
    },

    async getCacheStatistics() {
      const lines = [...caches()].map(([name, { entries, maxEntries, hits, misses }]) => ({
        name,
        entries: BigInt(entries),
        maxEntries: BigInt(maxEntries),
        hits: BigInt(hits),
        misses: BigInt(misses),
      }))
      return { caches: lines }
    },

    async revokeLocally({ badgeJti, subjectDid, reason }) {
      const subject = subjectOf(badgeJti, subjectDid)
      if (reason.length > MAX_REASON_LENGTH) {
        throw invalidArgument([{ field: 'reason', description: `must have at most ${MAX_REASON_LENGTH} characters` }])
      }
      try {
        await local.revoke(subject, { comment: reason })
      } catch (cause) {
        throw revocationFault(cause, badgeJti === '' ? 'subject_did' : 'badge_jti')
      }
      return {}
    },
  })
}

function subjectOf(badgeJti: string, subjectDid: string): string {
  if ((badgeJti === '') === (subjectDid === '')) {
    throw invalidArgument([{ field: 'badge_jti', description: 'give exactly one of badge_jti and subject_did' }])
  }
  if (badgeJti.startsWith('did:')) {
    throw invalidArgument([{ field: 'badge_jti', description: 'is a DID: put it into subject_did' }])
  }
  if (subjectDid !== '' && !subjectDid.startsWith('did:')) {
    throw invalidArgument([{ field: 'subject_did', description: 'must be a DID' }])
  }
  return badgeJti === '' ? subjectDid : badgeJti
}

/** What kept a local revocation from being in force: the request, the file, or a fault. */
function revocationFault(cause: unknown, field: string): unknown {
  if (cause instanceof RevocationRefused && cause.code === 'ENTRY_INVALID') {
    return invalidArgument([{ field, description: cause.message }])
  }
  if (cause instanceof RevocationRefused || (cause instanceof Error && 'syscall' in cause)) {
    const message = `Nothing was revoked: the file of local revocations cannot be used. ${cause.message}`
    return new RpcFault('FAILED_PRECONDITION', message, { cause })
  }
  return cause
}
