import { CallAbortedError } from '@capiscio/proto/sdk'

/** @throws TypeError unless the value is an AbortSignal or undefined. */
export function requireAbortSignal(value: unknown): asserts value is AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new TypeError('A signal must be an AbortSignal or undefined.')
  }
}

/** @throws CallAbortedError if the signal has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CallAbortedError(signal.reason)
}
