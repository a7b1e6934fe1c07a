import { durationMs } from '@bufbuild/protobuf/wkt'
import { BadRequestSchema, RetryInfoSchema } from '@capiscio/proto/google/rpc'
import type { FieldViolation } from '@capiscio/proto/sdk'
import {
  CapiscioError,
  CoreAccessError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CoreUnavailableError,
  InvalidRequestError,
  MethodUnimplementedError,
  RequestTooLargeError,
  redactSecrets,
} from '@capiscio/proto/sdk'
import { Code, ConnectError } from '@connectrpc/connect'
import { AnswerTooLarge, FetchFailed } from './core-fetch.ts'

/** What was attempted, for the message. */
export interface Attempt {
  /** URL of the core. */
  readonly core: string
  /** Name of the RPC. */
  readonly method: string
  readonly timeoutMs: number
  /** Values that must not appear in the error. */
  readonly secrets: readonly string[]
}

interface Answer extends Attempt {
  readonly text: string
  readonly violations: readonly FieldViolation[]
  readonly retryAfterMs: number | undefined
}

/** Every status that has a meaning of its own. All others are faults of the core. */
const ERRORS: Readonly<Partial<Record<Code, (answer: Answer) => CapiscioError>>> = {
  [Code.InvalidArgument]: ({ core, method, text, violations }) =>
    new InvalidRequestError(`The core at ${core} refused ${method}: ${describe(text, violations)}`, violations),
  [Code.Unavailable]: ({ core, text, retryAfterMs }) =>
    new CoreUnavailableError(
      `The core at ${core} cannot decide now: ${text}. Try again${retryAfterMs === undefined ? ' later' : ` in ${retryAfterMs} ms`}; the tool was not run.`,
      { retryAfterMs },
    ),
  [Code.DeadlineExceeded]: timeoutError,
  [Code.Canceled]: ({ core, method }) =>
    new CoreUnavailableError(`The core at ${core} cancelled ${method}; the tool was not run. Try again later.`),
  [Code.ResourceExhausted]: tooLargeError,
  [Code.Unimplemented]: ({ core, method }) =>
    new MethodUnimplementedError(`The core at ${core} does not offer ${method}. Update @capiscio/core.`),
  [Code.Unauthenticated]: ({ core, text }) =>
    new CoreAccessError(`The core at ${core} wants this client to authenticate: ${text}.`),
  [Code.PermissionDenied]: ({ core, method, text }) =>
    new CoreAccessError(`The core at ${core} does not allow this client to call ${method}: ${text}.`),
}

/** The core did not answer in time. */
export function timeoutError({ core, method, timeoutMs }: Attempt): CoreTimeoutError {
  return new CoreTimeoutError(
    `The core at ${core} did not answer ${method} within ${timeoutMs} ms; the tool was not run. Look at its load and log, or raise timeoutMs.`,
  )
}

/**
 * The error for whatever a transport threw. Texts of the core are kept without secrets; the
 * thrown object is not attached as cause, because it holds them unredacted.
 */
export function toCapiscioError(thrown: unknown, attempt: Attempt): CapiscioError {
  if (thrown instanceof CapiscioError) return thrown
  const error = ConnectError.from(thrown)
  const clean = (text: string): string => redactSecrets(text, attempt.secrets)
  const text = clean(error.rawMessage).replace(/\.$/, '')
  if (error.cause instanceof FetchFailed) return unreachableError(attempt, text)
  if (error.cause instanceof AnswerTooLarge) return tooLargeError({ ...attempt, text })
  const [badRequest] = error.findDetails(BadRequestSchema)
  const [retryInfo] = error.findDetails(RetryInfoSchema)
  const answer: Answer = {
    ...attempt,
    text,
    violations: (badRequest?.fieldViolations ?? []).map(({ field, description }) =>
      Object.freeze({ field: clean(field), description: clean(description) }),
    ),
    retryAfterMs: retryInfo?.retryDelay === undefined ? undefined : durationMs(retryInfo.retryDelay),
  }
  // The library says INVALID_ARGUMENT of answers that it cannot read; what the core says comes with metadata.
  const unreadable = error.code === Code.InvalidArgument && [...error.metadata].length === 0
  const make = unreadable ? undefined : ERRORS[error.code]
  return (
    make?.(answer) ??
    new CoreFaultError(
      `The core at ${attempt.core} failed to answer ${attempt.method} (${Code[error.code]}: ${text}); the tool was not run. Its log has the cause.`,
    )
  )
}

/** A browser tells a page neither whether nothing listens nor whether the core refused its origin. */
function unreachableError({ core }: Attempt, text: string): CoreConnectionError {
  const origin: unknown = Reflect.get(globalThis, 'origin')
  const page = typeof origin === 'string' && /^https?:/.test(origin) ? origin : 'of this page'
  return new CoreConnectionError(
    `The core at ${core} cannot be reached: ${text}. Start it ("capiscio serve") with the origin ${page} in web.allowedOrigins (--allow-origin), or correct baseUrl; the tool was not run.`,
  )
}

function tooLargeError({ core, method, text }: Attempt & { readonly text: string }): RequestTooLargeError {
  return new RequestTooLargeError(
    `A message of ${method} is larger than the limit of the core at ${core} (${text}). GetServerInfo tells its limits.`,
  )
}

function describe(text: string, violations: readonly FieldViolation[]): string {
  if (violations.length === 0) return text
  return violations.map(({ field, description }) => `${field}: ${description}`).join('; ')
}
