import { CallAbortedError } from './errors.ts'

/** How long a call may take. */
export interface CallLimits {
  /** Gives the call up when aborted. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the call is given up. */
  readonly timeoutMs: number
}

/** Longest delay that timers can hold. */
export const MAX_TIMEOUT_MS = 2_147_483_647

/** @throws TypeError unless the value is a whole number of milliseconds, at least 1. */
export function requireTimeoutMs(value: unknown): asserts value is number {
  if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > MAX_TIMEOUT_MS) {
    throw new TypeError(`timeoutMs must be a whole number of milliseconds from 1 to ${MAX_TIMEOUT_MS}.`)
  }
}

/**
 * Settles as the work does, or earlier with an error when a limit is reached. The work
 * itself goes on; what it gives later is dropped.
 */
export function withLimits<T>(work: Promise<T>, limits: CallLimits, timeoutError: () => Error): Promise<T> {
  const { signal, timeoutMs } = limits
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => settle(() => reject(new CallAbortedError(signal?.reason)))
    const timer = setTimeout(() => settle(() => reject(timeoutError())), Math.min(timeoutMs, MAX_TIMEOUT_MS))
    function settle(finish: () => void): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      finish()
    }
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    )
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
  })
}

/** Measures one time budget that several steps share. */
export function startBudget(timeoutMs: number): { remainingMs(): number } {
  const start = performance.now()
  return { remainingMs: () => Math.max(1, Math.ceil(timeoutMs - (performance.now() - start))) }
}
