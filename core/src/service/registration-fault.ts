import { RegistrationError } from '@capiscio/proto/registry'
import { type RpcCode, RpcFault } from './rpc-fault.ts'

/** What a registry's HTTP status is to a caller of this core. */
const CODES: Readonly<Record<number, RpcCode>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
}

/** A registry's refusal as the status of a call. Whatever is not known may pass: UNAVAILABLE. */
export function registrationFault(thrown: unknown): RpcFault {
  if (!(thrown instanceof RegistrationError)) throw thrown
  const { statusCode = 0, retryAfterMs, message } = thrown
  return new RpcFault(CODES[statusCode] ?? 'UNAVAILABLE', message, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}
