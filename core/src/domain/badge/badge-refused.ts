import { SourceUnavailable } from '../../ports/source-unavailable.ts'

/** Why a badge was refused (badges.md §8.5). Wire-visible: add codes, never rename one. */
export type BadgeRefusalCode =
  | 'BADGE_MALFORMED'
  | 'BADGE_CLAIMS_INVALID'
  | 'BADGE_ISSUER_UNTRUSTED'
  | 'BADGE_SIGNATURE_INVALID'
  | 'BADGE_EXPIRED'
  | 'BADGE_NOT_YET_VALID'
  | 'BADGE_AUDIENCE_MISMATCH'
  | 'BADGE_REVOKED'
  | 'BADGE_AGENT_DISABLED'
  | 'REVOCATION_CHECK_FAILED'

/**
 * A badge that does not count. The message is for people and says what to do; it never
 * holds the token, a part of it, or a key.
 */
export class BadgeRefused extends Error {
  override readonly name = 'BadgeRefused'
  readonly code: BadgeRefusalCode

  constructor(code: BadgeRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** Whether the same badge may pass later because an outside source did not answer. */
  get retryable(): boolean {
    return this.cause instanceof SourceUnavailable
  }
}

/**
 * Awaits an outside source; `SourceUnavailable` becomes a refusal with the given code.
 * Any other rejection is a fault and passes through.
 */
export async function refuseIfUnavailable<T>(answer: Promise<T>, code: BadgeRefusalCode, message: string): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    if (cause instanceof SourceUnavailable) throw new BadgeRefused(code, message, { cause })
    throw cause
  }
}
