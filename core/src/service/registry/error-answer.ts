import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type RegistryRefusalCode, RegistryRefused } from '../../domain/registry/registry-refused.ts'

/** HTTP status of every refusal (registry.md §3 to §6). */
const REFUSAL_STATUS: Readonly<Record<RegistryRefusalCode, ContentfulStatusCode>> = {
  invalid_request: 400,
  invalid_mode: 400,
  invalid_did: 400,
  invalid_id: 400,
  invalid_public_key: 400,
  private_key_sent: 400,
  key_did_mismatch: 400,
  invalid_challenge_id: 400,
  invalid_proof: 400,
  unauthorized: 401,
  forbidden: 403,
  agent_not_owned: 403,
  agent_disabled: 403,
  subject_mismatch: 403,
  challenge_used: 403,
  challenge_expired: 403,
  cid_mismatch: 403,
  audience_mismatch: 403,
  htu_mismatch: 403,
  iat_invalid: 403,
  exp_too_long: 403,
  proof_expired: 403,
  exp_outside_challenge_window: 403,
  kid_not_found: 403,
  key_not_in_authentication: 403,
  proof_verification_failed: 403,
  proof_replayed: 403,
  agent_not_found: 404,
  server_not_found: 404,
  badge_not_found: 404,
  challenge_not_found: 404,
  api_key_not_found: 404,
  no_public_key: 409,
  id_taken: 409,
  did_already_bound: 409,
  identity_already_set: 409,
  name_taken: 409,
  conflict: 409,
  rate_limit_exceeded: 429,
  did_resolution_failed: 502,
  did_document_invalid: 502,
  evidence_unavailable: 503,
}

/** The one shape of every error (registry.md §1.3). */
export function errorBody(code: string, message: string): object {
  return { success: false, error: code, message }
}

/** The answer to whatever a handler threw. A fault is reported and told without its cause. */
export function answerError(error: unknown, context: Context, reportFault: (cause: unknown) => void): Response {
  if (!(error instanceof RegistryRefused)) {
    reportFault(error)
    return context.json(
      errorBody('internal_error', 'The registry failed. Its operator finds the cause in its log.'),
      500,
    )
  }
  const { code, message, retryAfterSeconds } = error
  if (retryAfterSeconds !== undefined) context.header('retry-after', String(retryAfterSeconds))
  if (code === 'unauthorized') context.header('www-authenticate', 'Bearer')
  if (error.cause !== undefined && REFUSAL_STATUS[code] === 503) reportFault(error.cause)
  return context.json(errorBody(code, message), REFUSAL_STATUS[code])
}
