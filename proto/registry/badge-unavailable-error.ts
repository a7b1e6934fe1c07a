import { CapiscioError } from '../sdk/errors.ts'

/** Why a keeper has no badge to give. Codes are added, never renamed. */
export type BadgeUnavailableCode =
  /** There was none yet. */
  | 'BADGE_NOT_ISSUED'
  /** The last one has expired, or is about to. */
  | 'BADGE_EXPIRED'
  /** The keeper was stopped. */
  | 'KEEPER_STOPPED'

/** A keeper has no badge that counts. `cause` is what the last attempt to get one failed with. */
export class BadgeUnavailableError extends CapiscioError {
  override readonly name = 'BadgeUnavailableError'
  readonly code: BadgeUnavailableCode

  constructor(code: BadgeUnavailableCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
