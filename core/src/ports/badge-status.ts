/**
 * What is known today about a badge that verified (RFC-002 §9).
 *
 * Asked on every decision, cached badges included, so implementations keep their own
 * caches and answer at once while those are fresh. Both questions reject with
 * `SourceUnavailable` when the answer is unknown, or too old for the badge's level; the
 * caller then fails closed. A known revocation always wins, however old it is.
 *
 * Revocations by the operator of this core count for every level. A self-signed badge
 * (level 0) has no issuer to ask: nothing but them counts there, and neither question
 * rejects.
 */
export interface BadgeStatusSource {
  /** Whether the badge was revoked, by its issuer or on this core. */
  isRevoked(badge: BadgeInQuestion): Promise<StatusAnswer>
  /** Whether its subject may still act: `false` for anything but exactly `active`. */
  isAgentActive(badge: BadgeInQuestion): Promise<StatusAnswer>
}

/** A badge whose signature and times passed. */
export interface BadgeInQuestion {
  readonly issuer: string
  readonly jti: string
  /** DID of the agent or server. */
  readonly subject: string
  /** Trust level, 0 to 4. */
  readonly level: number
}

export interface StatusAnswer {
  readonly answer: boolean
  /** Age of the knowledge behind the answer, in milliseconds. Absent when it does not age. */
  readonly ageMs?: number
  /** Present when the answer counts although it is not fresh. */
  readonly warning?: StatusWarning
}

/** Stable codes for answers that count although they are not fresh. Add codes, never rename one. */
export type StatusWarning =
  /** Stale or missing, tolerated at level 1 (badges.md §9.2). */
  | 'STATUS_STALE_AT_LEVEL_1'
  /** Stale or missing, tolerated because the operator chose so; profile `dev` only. */
  | 'STATUS_FAIL_OPEN'
