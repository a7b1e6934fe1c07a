import { CallerConflict, type CallerSources, findCaller } from '@capiscio/proto/mcp'
import { CallerCredential } from '../caller-credential.ts'

/**
 * What the core is asked with when a request carries two different credentials. It is no badge,
 * so the core denies and records it: a refusal here would leave no evidence.
 */
const CONFLICTING = new CallerCredential({ badge: 'conflicting-credentials' })

/** Who a request says it comes from. Nothing is verified yet. */
export interface ClaimedCaller {
  /** Absent for an anonymous caller. */
  readonly credential: CallerCredential | undefined
  /** Why the credential is not one, for the answer. */
  readonly conflict?: string
}

/** Reads the caller's credential. One that contradicts itself becomes one that the core refuses. */
export function claimedCaller(sources: CallerSources): ClaimedCaller {
  try {
    const claimed = findCaller(sources)
    if (claimed === undefined) return { credential: undefined }
    const { kind, secret } = claimed
    return { credential: new CallerCredential(kind === 'badge' ? { badge: secret } : { apiKey: secret }) }
  } catch (error) {
    if (!(error instanceof CallerConflict)) throw error
    return { credential: CONFLICTING, conflict: error.message }
  }
}
