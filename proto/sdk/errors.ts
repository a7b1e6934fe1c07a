/** Codes of everything that can go wrong besides a denial. Codes are added, never renamed. */
export type CapiscioErrorCode =
  | 'CALL_ABORTED'
  | 'CLIENT_CLOSED'
  | 'CORE_ACCESS_REFUSED'
  | 'CORE_ADDRESS_INVALID'
  | 'CORE_FAULT'
  | 'CORE_NOT_FOUND'
  | 'CORE_START_FAILED'
  | 'CORE_TIMEOUT'
  | 'CORE_TLS_FAILED'
  | 'CORE_UNAVAILABLE'
  | 'CORE_UNREACHABLE'
  | 'CORE_VERSION'
  | 'CREDENTIAL_INVALID'
  | 'DISCLOSURE_CONFLICT'
  | 'EVIDENCE_INVALID'
  | 'KEY_GENERATION_FAILED'
  | 'MCP_SDK_NOT_FOUND'
  | 'METHOD_UNIMPLEMENTED'
  | 'POP_EXPIRED'
  | 'POP_META_CONFLICT'
  | 'POP_NONCE_INVALID'
  | 'POP_SIGNATURE_INVALID'
  | 'REQUEST_INVALID'
  | 'REQUEST_TOO_LARGE'

/**
 * Base of every error that this SDK throws on purpose. Wrong use by the programmer is a
 * plain `TypeError` instead. Whatever is thrown, the guarded handler has not been run.
 */
export abstract class CapiscioError extends Error {
  /** Stable code: a `CapiscioErrorCode`, the code of the denial in a `GuardError`, of the failed check in a `ServerVerifyError`. */
  abstract readonly code: string
}

/** No core could be asked: nothing listens, the connection broke, or the core refused to start. */
export class CoreConnectionError extends CapiscioError {
  override readonly name: string = 'CoreConnectionError'
  readonly code: CapiscioErrorCode = 'CORE_UNREACHABLE'
}

/** There is no trusted connection: the certificate of one side is not accepted by the other, or one of them speaks no TLS. */
export class CoreTlsError extends CoreConnectionError {
  override readonly name = 'CoreTlsError'
  override readonly code = 'CORE_TLS_FAILED'
}

/** Embedded mode was asked for, and the package `@capiscio/core` is not installed. */
export class CoreNotFoundError extends CoreConnectionError {
  override readonly name = 'CoreNotFoundError'
  override readonly code = 'CORE_NOT_FOUND'
}

/** The embedded core stopped, or was not there in time. The message ends with what it printed last. */
export class CoreStartError extends CoreConnectionError {
  override readonly name = 'CoreStartError'
  override readonly code = 'CORE_START_FAILED'
}

/** The core answered that it cannot decide now: it starts, stops or is overloaded. */
export class CoreUnavailableError extends CoreConnectionError {
  override readonly name = 'CoreUnavailableError'
  override readonly code = 'CORE_UNAVAILABLE'
  /** How long to wait before trying again, in milliseconds. Add jitter. Absent when the core did not say. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { retryAfterMs?: number | undefined } = {}) {
    super(message)
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The answer did not arrive in time. A decision may have been recorded. */
export class CoreTimeoutError extends CapiscioError {
  override readonly name = 'CoreTimeoutError'
  readonly code = 'CORE_TIMEOUT'
}

/** The core is too old for this SDK, or speaks another contract. */
export class CoreVersionError extends CapiscioError {
  override readonly name = 'CoreVersionError'
  readonly code = 'CORE_VERSION'
}

/** The core failed inside, or answered something that no correct core answers. */
export class CoreFaultError extends CapiscioError {
  override readonly name = 'CoreFaultError'
  readonly code = 'CORE_FAULT'
}

/** The core does not let this client in. */
export class CoreAccessError extends CapiscioError {
  override readonly name = 'CoreAccessError'
  readonly code = 'CORE_ACCESS_REFUSED'
}

/** The address of the core cannot be used as given. */
export class CoreAddressError extends CapiscioError {
  override readonly name = 'CoreAddressError'
  readonly code = 'CORE_ADDRESS_INVALID'
}

/** One wrong field of a request. */
export interface FieldViolation {
  /** Path from the request message, such as `config.min_trust_level`. */
  readonly field: string
  /** What is wrong and what would be right. */
  readonly description: string
}

/** The core found the question malformed. Nothing was recorded. */
export class InvalidRequestError extends CapiscioError {
  override readonly name = 'InvalidRequestError'
  readonly code = 'REQUEST_INVALID'
  /** Every wrong field; empty when the core named none. */
  readonly fieldViolations: readonly FieldViolation[]

  constructor(message: string, fieldViolations: readonly FieldViolation[]) {
    super(message)
    this.fieldViolations = fieldViolations
  }
}

/** The request, or the answer to it, is larger than a message may be. */
export class RequestTooLargeError extends CapiscioError {
  override readonly name = 'RequestTooLargeError'
  readonly code = 'REQUEST_TOO_LARGE'
}

/** No key was made, or it could not be written. Nothing is left of it. */
export class KeyGenerationError extends CapiscioError {
  override readonly name = 'KeyGenerationError'
  readonly code = 'KEY_GENERATION_FAILED'
}

/** The core does not offer this call. */
export class MethodUnimplementedError extends CapiscioError {
  override readonly name = 'MethodUnimplementedError'
  readonly code = 'METHOD_UNIMPLEMENTED'
}

/** The client was disposed before, or while, it was asked. */
export class ClientClosedError extends CapiscioError {
  override readonly name = 'ClientClosedError'
  readonly code = 'CLIENT_CLOSED'
}

/** A caller's credential cannot be used: contradictory `_meta`, or a badge callback that gave no badge. */
export class CredentialError extends CapiscioError {
  override readonly name = 'CredentialError'
  readonly code = 'CREDENTIAL_INVALID'
}

/**
 * The caller's AbortSignal was aborted. Its name is `AbortError`, as everywhere on the
 * platform; `cause` is the signal's reason.
 */
export class CallAbortedError extends CapiscioError {
  override readonly name = 'AbortError'
  readonly code = 'CALL_ABORTED'
  /** Evidence id, when the abort came after an ALLOW was recorded and before the handler began. */
  readonly evidenceId: string | undefined

  constructor(reason: unknown, options: { evidenceId?: string | undefined } = {}) {
    super(
      options.evidenceId === undefined
        ? 'The call was aborted by its AbortSignal; the tool was not run.'
        : 'The call was aborted by its AbortSignal after it was allowed; the tool was not run.',
      { cause: reason },
    )
    this.evidenceId = options.evidenceId
  }
}
