import { CapiscioError } from '../sdk/errors.ts'

/** Why a registry did not do what it was asked. Codes are added, never renamed. */
export type RegistrationErrorCode =
  /** It answered with an error. */
  | 'REGISTRY_REFUSED'
  /** It did not answer, or not in time. */
  | 'REGISTRY_UNREACHABLE'
  /** What it answered is not what a registry answers. */
  | 'REGISTRY_ANSWER_INVALID'

/** A registry did not register an identity or did not give a badge. The message holds no credential. */
export class RegistrationError extends CapiscioError {
  override readonly name = 'RegistrationError'
  readonly code: RegistrationErrorCode
  /** HTTP status of the answer; undefined where there was none. */
  readonly statusCode: number | undefined
  /** The registry's own code, such as `server_not_found`; undefined where it gave none. */
  readonly registryCode: string | undefined
  /** When asking again may help, in milliseconds; undefined where the registry did not say. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: RegistrationErrorCode,
    message: string,
    facts: ErrorOptions & {
      readonly statusCode?: number | undefined
      readonly registryCode?: string | undefined
      readonly retryAfterMs?: number | undefined
    } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.statusCode = facts.statusCode
    this.registryCode = facts.registryCode
    this.retryAfterMs = facts.retryAfterMs
  }
}
