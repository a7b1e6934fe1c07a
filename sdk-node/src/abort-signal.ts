import { AsyncLocalStorage } from 'node:async_hooks'
import { CallAbortedError } from '@capiscio/proto/sdk'

const ambient = new AsyncLocalStorage<AbortSignal | undefined>()

/**
 * Runs `fn` so that every guarded call inside stops when the signal is aborted: a decision
 * that is awaited is given up, and no handler starts after it. A handler that has started
 * is not stopped; pass the signal to it as well.
 *
 * An inner `withAbortSignal` adds to an outer one; `undefined` adds nothing.
 */
export function withAbortSignal<T>(signal: AbortSignal | undefined, fn: () => T): T {
  return ambient.run(anySignal([ambient.getStore(), signal]), fn)
}

/** Runs `fn` without the signal of the context: for work that several contexts share, none of which may stop it. */
export function withoutAbortSignal<T>(fn: () => T): T {
  return ambient.run(undefined, fn)
}

/** The signal of the current context. */
export function getAbortSignal(): AbortSignal | undefined {
  return ambient.getStore()
}

/** One signal that is aborted as soon as one of the given ones is. */
export function anySignal(signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  for (const signal of given) {
    if (!(signal instanceof AbortSignal)) throw new TypeError('A signal must be an AbortSignal or undefined.')
  }
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

/** @throws CallAbortedError if the signal has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, evidenceId?: string): void {
  if (signal?.aborted === true) throw new CallAbortedError(signal.reason, { evidenceId })
}
