import { RegistrationError, type RegistrationErrorCode } from '@capiscio/proto/registry'
import type { FieldViolation } from '@capiscio/proto/sdk'
import {
  CapiscioError,
  ClientClosedError,
  CoreAccessError,
  CoreAddressError,
  CoreConnectionError,
  CoreFaultError,
  CoreNotFoundError,
  CoreStartError,
  CoreTimeoutError,
  CoreTlsError,
  CoreUnavailableError,
  CoreVersionError,
  InvalidRequestError,
  KeyGenerationError,
  MethodUnimplementedError,
  RequestTooLargeError,
} from '@capiscio/proto/sdk'

/** An error between threads, where classes get lost. */
export interface PackedError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly fieldViolations?: readonly FieldViolation[]
  readonly retryAfterMs?: number | undefined
  readonly statusCode?: number | undefined
  readonly registryCode?: string | undefined
}

/** Errors that are nothing but their message. */
const PLAIN = [
  ClientClosedError,
  CoreAccessError,
  CoreAddressError,
  CoreConnectionError,
  CoreFaultError,
  CoreNotFoundError,
  CoreStartError,
  CoreTimeoutError,
  CoreTlsError,
  CoreVersionError,
  KeyGenerationError,
  MethodUnimplementedError,
  RequestTooLargeError,
] as const

export function packError(error: unknown): PackedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message } = error
  if (error instanceof InvalidRequestError) return { name, message, fieldViolations: error.fieldViolations }
  if (error instanceof CoreUnavailableError) return { name, message, retryAfterMs: error.retryAfterMs }
  if (error instanceof RegistrationError) {
    const { code, statusCode, registryCode, retryAfterMs } = error
    return { name, message, code, statusCode, registryCode, retryAfterMs }
  }
  return { name, message, ...(error instanceof CapiscioError && { code: error.code }) }
}

/** The error of its own class again. What is not known is a fault of the core: no decision, no run. */
export function unpackError(packed: PackedError): Error {
  const { name, message, fieldViolations = [], retryAfterMs } = packed
  if (name === 'TypeError') return new TypeError(message)
  if (name === 'InvalidRequestError') return new InvalidRequestError(message, fieldViolations)
  if (name === 'CoreUnavailableError') return new CoreUnavailableError(message, { retryAfterMs })
  if (name === 'RegistrationError') {
    return new RegistrationError(packed.code as RegistrationErrorCode, message, packed)
  }
  for (const Class of PLAIN) if (Class.name === name) return new Class(message)
  return new CoreFaultError(message)
}
