import { CALLER_BADGE_HEADER } from '@capiscio/proto/mcp'
import type { DeniedToolAccess } from '@capiscio/proto/sdk'
import { CoreUnavailableError, DenyReason } from '@capiscio/proto/sdk'

/** What a gate answers instead of the server: JSON. */
export interface GateAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const UNDECIDED: ReadonlySet<DenyReason> = new Set([
  DenyReason.STATUS_CHECK_FAILED,
  DenyReason.EVIDENCE_UNAVAILABLE,
  DenyReason.INTERNAL,
])

/** Whether a denial says nothing about the badge: the core, or whoever it asks, could not do its part. */
export function isUndecided(reason: DenyReason): boolean {
  return UNDECIDED.has(reason)
}

/**
 * 401 for a badge that is missing or refused; 503 where nobody could tell. Without any credential the challenge names no
 * error (RFC 6750 §3.1). Reasons are words of the core's own, fit for a header.
 */
export function refusalAnswer({ reason, code, message, evidenceId }: DeniedToolAccess): GateAnswer {
  if (isUndecided(reason)) return unavailableAnswer(undefined)
  const isMissing = reason === DenyReason.BADGE_MISSING
  const challenge = `Bearer realm="mcp"${isMissing ? '' : `, error="invalid_token", error_description="${reason}"`}`
  return answer(
    401,
    {
      error: reason,
      code,
      message: isMissing ? `This endpoint wants a trust badge in the header ${CALLER_BADGE_HEADER}.` : message,
      evidenceId,
    },
    { 'WWW-Authenticate': challenge },
  )
}

/** 503 when there is no decision: nobody is let in, and the badge is not blamed. */
export function unavailableAnswer(error: unknown): GateAnswer {
  const retryAfterMs = error instanceof CoreUnavailableError ? error.retryAfterMs : undefined
  return answer(
    503,
    { error: 'UNDECIDED', message: 'Nobody can tell now whether the badge is good. Try again later.' },
    retryAfterMs === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) },
  )
}

function answer(status: number, body: object, headers: Readonly<Record<string, string>>): GateAnswer {
  return { status, body: JSON.stringify(body), headers: { 'Cache-Control': 'no-store', ...headers } }
}
