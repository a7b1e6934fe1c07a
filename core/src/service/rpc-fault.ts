/** gRPC status names that this service uses on purpose. */
export type RpcCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'UNIMPLEMENTED'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'INTERNAL'

/** One wrong field of a request. */
export interface FieldViolation {
  /** Path from the request message in proto names, such as `config.min_trust_level`. */
  readonly field: string
  /** What is wrong and what would be right. */
  readonly description: string
}

export interface RpcFaultOptions extends ErrorOptions {
  readonly violations?: readonly FieldViolation[]
  /** Advice to the caller: try again after this long. */
  readonly retryAfterMs?: number
}

/**
 * Why a call could not be answered. The message goes to the caller; the `cause` stays
 * here, for the log. A denial is not a fault: it is an answer.
 */
export class RpcFault extends Error {
  override readonly name = 'RpcFault'
  readonly code: RpcCode
  readonly violations: readonly FieldViolation[]
  readonly retryAfterMs: number | undefined

  constructor(code: RpcCode, message: string, options: RpcFaultOptions = {}) {
    super(message, options)
    this.code = code
    this.violations = options.violations ?? []
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What is told of a request with more mistakes than that. */
const MAX_VIOLATIONS = 16

/** A malformed request, with the wrong fields named: all of them, or the first and how many more there are. */
export function invalidArgument(all: readonly FieldViolation[]): RpcFault {
  const violations = all.slice(0, MAX_VIOLATIONS)
  const told = violations.map(({ field, description }) => `${field}: ${description}`)
  if (all.length > violations.length) told.push(`and ${all.length - violations.length} more`)
  return new RpcFault('INVALID_ARGUMENT', `The request is malformed. ${told.join('; ')}`, { violations })
}
