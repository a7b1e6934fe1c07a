/**
 * What an issuer says today about a badge that verified (RFC-002 §9).
 *
 * Asked on every decision, cached badges included, so implementations keep their own
 * cache. Both reject with `SourceUnavailable` when the answer is unknown or too old;
 * the caller then fails closed. `revoked` always wins, however old it is.
 */
export interface BadgeStatusSource {
  /** Whether the badge was revoked. */
  isRevoked(badge: { readonly issuer: string; readonly jti: string }): Promise<boolean>
  /** Whether the subject may still act: `false` for anything but exactly `active`. */
  isAgentActive(agent: { readonly issuer: string; readonly did: string }): Promise<boolean>
}
