import type { DeniedToolAccess, DenyReason, TrustLevel } from '@capiscio/proto/sdk'
import { CapiscioError } from '@capiscio/proto/sdk'

/** The core denied the call; the handler was not run. */
export class GuardError extends CapiscioError {
  override readonly name = 'GuardError'
  /** Stable code of the denial, such as `TOOL_TRUST_INSUFFICIENT`. */
  readonly code: string
  /** Why, more exactly than the code. */
  readonly reason: DenyReason
  /** The core's sentence for people. */
  readonly detail: string
  /** Name of the tool. */
  readonly tool: string
  /** UUID of the record of this denial; undefined when no record could be written. */
  readonly evidenceId: string | undefined
  /** Origin of the evidence log that holds the record. */
  readonly logOrigin: string | undefined
  /** Position of the record in that log. */
  readonly leafIndex: bigint | undefined
  /** Verified caller, where there was one. */
  readonly principal: string | undefined
  /** Level of the caller's verified badge, where there was one. */
  readonly trustLevel: TrustLevel | undefined
  readonly #decision: DeniedToolAccess

  constructor(tool: string, decision: DeniedToolAccess) {
    super(
      `Tool ${JSON.stringify(tool)} was denied: ${decision.code}${decision.message === '' ? '' : `. ${decision.message}`}`,
      decision.fault === undefined ? undefined : { cause: decision.fault },
    )
    this.code = decision.code
    this.reason = decision.reason
    this.detail = decision.message
    this.tool = tool
    this.evidenceId = decision.evidenceId
    this.logOrigin = decision.logOrigin
    this.leafIndex = decision.leafIndex
    this.principal = decision.principal
    this.trustLevel = decision.trustLevel
    this.#decision = decision
  }

  /** The whole decision. */
  get decision(): DeniedToolAccess {
    return this.#decision
  }

  /** What `JSON.stringify` sees; the leaf index as a string. */
  toJSON(): Record<string, unknown> {
    return { ...Object.fromEntries(Object.entries(this)), message: this.message, leafIndex: this.leafIndex?.toString() }
  }
}
