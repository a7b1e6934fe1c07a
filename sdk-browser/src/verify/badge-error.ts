import type { BadgeRefusalCode } from '@capiscio/core/verification'
import { CapiscioError } from '@capiscio/proto/sdk'

/** Why a badge does not count, as a core says it in a denial. */
export type BadgeErrorCode = BadgeRefusalCode

/** A badge that does not count. */
export class BadgeError extends CapiscioError {
  override readonly name = 'BadgeError'
  readonly code: BadgeErrorCode
  /** Whether the same badge may pass later: `isRevoked` or `resolveDid` gave no answer. */
  readonly retryable: boolean

  constructor(code: BadgeErrorCode, message: string, { retryable = false, ...options }: BadgeErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.retryable = retryable
  }
}

interface BadgeErrorOptions extends ErrorOptions {
  readonly retryable?: boolean
}
