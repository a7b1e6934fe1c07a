import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import type { Any } from '@bufbuild/protobuf/wkt'
import { anyUnpack, durationMs } from '@bufbuild/protobuf/wkt'
import type { Status as RpcStatus } from '@capiscio/proto/google/rpc'
import { BadRequestSchema, RetryInfoSchema, StatusSchema } from '@capiscio/proto/google/rpc'
import type { CapiscioError, FieldViolation } from '@capiscio/proto/sdk'
import {
  CoreAccessError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CoreTlsError,
  CoreUnavailableError,
  InvalidRequestError,
  MethodUnimplementedError,
  RequestTooLargeError,
  redactSecrets,
} from '@capiscio/proto/sdk'
import type { ServiceError } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'

/** What was attempted, for the message. */
export interface Attempt {
  /** The core, as `CoreAddress.label`. */
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
  /** Whether the core itself sent the status; else the library made it up for a connection that failed. */
  readonly fromCore: boolean
}

/** What the TLS library says, what that means, and what to do. The first that matches counts. */
const TLS_FAILURES: readonly (readonly [says: RegExp, means: string])[] = [
  [
    /altname/i,
    'its certificate is for another name: use that name in the address, or set serverName (CAPISCIO_CORE_TLS_SERVER_NAME)',
  ],
  [
    /certificate has expired|certificate is not yet valid/i,
    'its certificate is not valid now: have it renewed, and compare clocks',
  ],
  [
    /self-signed certificate|unable to (?:verify|get)/i,
    'its certificate comes from an authority that is not trusted here: set tls.ca (CAPISCIO_CORE_TLS_CA) to the certificate of the right one',
  ],
  [
    /alert certificate required|alert handshake failure/i,
    'it wants a client certificate: set tls.cert and tls.key (CAPISCIO_CORE_TLS_CERT, CAPISCIO_CORE_TLS_KEY)',
  ],
  [
    /alert (?:bad certificate|unknown ca|certificate (?:unknown|expired|revoked)|unsupported certificate)/i,
    'it does not accept the certificate of this client: use one of an authority that it trusts, and that is still valid',
  ],
  [
    /wrong version number|packet length too long/i,
    'what listens there speaks no TLS: start it with TLS, or use another port',
  ],
  [/alert protocol version|unsupported protocol/i, 'it speaks only versions of TLS that are too old'],
  [
    /no application protocol/i,
    'what listens there speaks no HTTP/2: this may be the web listener and not the gRPC one',
  ],
]

/** With TLS 1.3 a client hears of its refusal after the handshake, and may see no more than a connection that ends. */
const CERTIFICATE_HINT =
  '. If it listens there, it may want a client certificate, or not accept this one (tls.cert and tls.key)'

/** The error for a connection that failed over its TLS; undefined when it failed for another reason. */
function tlsError(core: string, text: string): CoreTlsError | undefined {
  const means = TLS_FAILURES.find(([says]) => says.test(text))?.[1]
  if (means === undefined) return undefined
  return new CoreTlsError(
    `The core at ${core} cannot be trusted or does not trust this client: ${means}. The tool was not run.`,
  )
}

/** Every status that has a meaning of its own. All others are faults of the core. */
const ERRORS: Readonly<Record<number, (answer: Answer) => CapiscioError>> = {
  [status.INVALID_ARGUMENT]: ({ core, method, text, violations }) =>
    new InvalidRequestError(`The core at ${core} refused ${method}: ${describe(text, violations)}`, violations),
  [status.UNAVAILABLE]: ({ core, text, retryAfterMs, fromCore }) =>
    fromCore
      ? new CoreUnavailableError(
          `The core at ${core} cannot decide now: ${text}. Try again${retryAfterMs === undefined ? ' later' : ` in ${retryAfterMs} ms`}; the tool was not run.`,
          { retryAfterMs },
        )
      : (tlsError(core, text) ??
        new CoreConnectionError(
          `The core at ${core} cannot be reached: ${text}. Start it ("capiscio serve") or set CAPISCIO_CORE_ADDR to where it listens${core.startsWith('https://') ? CERTIFICATE_HINT : ''}; the tool was not run.`,
        )),
  [status.DEADLINE_EXCEEDED]: ({ core, method, timeoutMs }) =>
    new CoreTimeoutError(
      `The core at ${core} did not answer ${method} within ${timeoutMs} ms; the tool was not run. Look at its load and log, or raise timeoutMs.`,
    ),
  [status.CANCELLED]: ({ core, method }) =>
    new CoreUnavailableError(`The core at ${core} cancelled ${method}; the tool was not run. Try again later.`),
  [status.RESOURCE_EXHAUSTED]: ({ core, method, text }) =>
    new RequestTooLargeError(
      `A message of ${method} is larger than the limit of the core at ${core} (${text}). GetServerInfo tells its limits.`,
    ),
  [status.UNIMPLEMENTED]: ({ core, method }) =>
    new MethodUnimplementedError(`The core at ${core} does not offer ${method}. Update @capiscio/core.`),
  [status.UNAUTHENTICATED]: ({ core, text }) =>
    new CoreAccessError(`The core at ${core} wants this client to authenticate: ${text}.`),
  [status.PERMISSION_DENIED]: ({ core, method, text }) =>
    new CoreAccessError(`The core at ${core} does not allow this client to call ${method}: ${text}.`),
}

/** A failure, wherever it was told. */
interface Told {
  readonly code: number
  readonly text: string
  readonly details: readonly Any[]
  readonly fromCore: boolean
}

/**
 * The error for the status that a call ended with. Texts of the core are kept without
 * secrets; the library's own error object is not attached as cause, because it holds them
 * unredacted.
 */
export function errorFromStatus(error: ServiceError, attempt: Attempt): CapiscioError {
  const told = {
    code: error.code,
    text: error.details,
    details: statusDetails(error)?.details ?? [],
    fromCore: Object.keys(error.metadata.getMap()).length > 0,
  }
  return toError(told, attempt)
}

/** The same for a status that came inside a message: the core itself wrote it. */
export function errorFromRpcStatus({ code, message, details }: RpcStatus, attempt: Attempt): CapiscioError {
  return toError({ code, text: message, details, fromCore: true }, attempt)
}

function toError({ code, text, details, fromCore }: Told, attempt: Attempt): CapiscioError {
  const clean = (told: string): string => redactSecrets(told, attempt.secrets)
  const badRequest = unpack(details, BadRequestSchema)
  const retryInfo = unpack(details, RetryInfoSchema)
  const answer: Answer = {
    ...attempt,
    // The library appends an empty note to some of its texts.
    text: clean(text).replace(/(?:\.? Resolution note: *)?\.?$/, ''),
    violations: (badRequest?.fieldViolations ?? []).map(({ field, description }) =>
      Object.freeze({ field: clean(field), description: clean(description) }),
    ),
    retryAfterMs: retryInfo?.retryDelay === undefined ? undefined : durationMs(retryInfo.retryDelay),
    fromCore,
  }
  const make = ERRORS[code]
  if (make !== undefined) return make(answer)
  const name = status[code] ?? code
  return new CoreFaultError(
    `The core at ${attempt.core} failed to answer ${attempt.method} (${name}: ${answer.text}); the tool was not run. Its log has the cause.`,
  )
}

/** The first detail of a kind. One that cannot be read is as good as absent. */
function unpack<T extends DescMessage>(details: readonly Any[], schema: T): MessageShape<T> | undefined {
  for (const any of details) {
    try {
      const found = anyUnpack(any, schema)
      if (found !== undefined) return found
    } catch {}
  }
  return undefined
}

function describe(text: string, violations: readonly FieldViolation[]): string {
  if (violations.length === 0) return text
  return violations.map(({ field, description }) => `${field}: ${description}`).join('; ')
}

/** The `google.rpc.Status` beside the status code. What cannot be read is as good as absent. */
function statusDetails(error: ServiceError): RpcStatus | undefined {
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  if (!(bytes instanceof Uint8Array)) return undefined
  try {
    return fromBinary(StatusSchema, bytes)
  } catch {
    return undefined
  }
}
