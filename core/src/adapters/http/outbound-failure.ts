import type { OutboundOutcome } from '../../ports/outbound-http.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'

export type FailedOutcome = Exclude<OutboundOutcome, 'success' | 'client_error' | 'server_error'>

/** Why a request has no answer. The message names the target without its query, and no header. */
export class OutboundFailure extends SourceUnavailable {
  readonly outcome: FailedOutcome

  constructor(outcome: FailedOutcome, message: string, options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}
