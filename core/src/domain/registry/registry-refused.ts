/**
 * Why the registry refused a request (registry.md §3 to §6). Wire-visible: add codes, never
 * rename one. `did_resolution_failed` and `did_document_invalid` blame another server.
 */
export type RegistryRefusalCode =
  | 'invalid_request'
  | 'invalid_mode'
  | 'invalid_did'
  | 'invalid_id'
  | 'invalid_public_key'
  | 'private_key_sent'
  | 'key_did_mismatch'
  | 'invalid_challenge_id'
  | 'invalid_proof'
  | 'unauthorized'
  | 'forbidden'
  | 'agent_not_owned'
  | 'agent_disabled'
  | 'subject_mismatch'
  | 'challenge_used'
  | 'challenge_expired'
  | 'cid_mismatch'
  | 'audience_mismatch'
  | 'htu_mismatch'
  | 'iat_invalid'
  | 'exp_too_long'
  | 'proof_expired'
  | 'exp_outside_challenge_window'
  | 'kid_not_found'
  | 'key_not_in_authentication'
  | 'proof_verification_failed'
  | 'proof_replayed'
  | 'agent_not_found'
  | 'server_not_found'
  | 'badge_not_found'
  | 'challenge_not_found'
  | 'api_key_not_found'
  | 'no_public_key'
  | 'id_taken'
  | 'did_already_bound'
  | 'identity_already_set'
  | 'name_taken'
  | 'conflict'
  | 'rate_limit_exceeded'
  | 'did_resolution_failed'
  | 'did_document_invalid'
  | 'evidence_unavailable'

/**
 * The registry does not do what was asked. The message says what to do next, and never holds
 * a token, a key or a proof.
 */
export class RegistryRefused extends Error {
  override readonly name = 'RegistryRefused'
  readonly code: RegistryRefusalCode
  /** When asking again may help. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: RegistryRefusalCode,
    message: string,
    options?: ErrorOptions & { readonly retryAfterSeconds?: number },
  ) {
    super(message, options)
    this.code = code
    this.retryAfterSeconds = options?.retryAfterSeconds
  }
}
