import type { Denied } from './decision.ts'
import type { DenyReason } from './deny-reason.ts'

/** A check of the guard said no. Thrown by the check, turned into the decision by the guard. */
export class Denial extends Error {
  override readonly name = 'Denial'
  readonly reason: DenyReason

  constructor(reason: DenyReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }

  toVerdict(): Denied {
    return { outcome: 'DENY', reason: this.reason, message: this.message }
  }
}
