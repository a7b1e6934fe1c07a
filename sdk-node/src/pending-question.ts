import type { EvaluateToolAccessResponse } from '@capiscio/proto/core/v1'
import { CallAbortedError } from '@capiscio/proto/sdk'
import type { EventLoop } from './event-loop.ts'

/** Limits of one question. */
export interface QuestionLimits {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the question is given up. */
  readonly timeoutMs: number
  /** Values that must not appear in an error. */
  readonly secrets: readonly string[]
}

/**
 * One question between its caller and its answer. It settles once: answered, failed, or given
 * up because its caller aborted it or its time is over. What comes later is dropped.
 */
export interface PendingQuestion {
  /** `EvaluateToolAccessRequest`, encoded. */
  readonly request: Uint8Array
  readonly limits: QuestionLimits
  /** What its caller gets. */
  readonly answer: Promise<EvaluateToolAccessResponse>
  /** Milliseconds that are left, at least 1. */
  remainingMs(): number
  /** Says who has it now: `onGivenUp` is called when nobody wants its answer any more. */
  heldBy(onGivenUp: () => void): void
  resolve(response: EvaluateToolAccessResponse): void
  reject(error: Error): void
}

/** @param timeoutError Makes the error for a question whose time is over. */
export function createPendingQuestion(
  request: Uint8Array,
  limits: QuestionLimits,
  loop: EventLoop,
  timeoutError: () => Error,
): PendingQuestion {
  const { signal, timeoutMs } = limits
  const { promise, resolve, reject } = Promise.withResolvers<EvaluateToolAccessResponse>()
  const deadlineMs = loop.nowMs() + timeoutMs
  let onGivenUp = (): void => {}

  function settle(finish: () => void): void {
    stopTimer()
    signal?.removeEventListener('abort', onAbort)
    finish()
  }
  function giveUp(error: Error): void {
    settle(() => {
      reject(error)
      onGivenUp()
    })
  }
  const onAbort = (): void => giveUp(new CallAbortedError(signal?.reason))
  const stopTimer = loop.after(timeoutMs, () => giveUp(timeoutError()))
  signal?.addEventListener('abort', onAbort, { once: true })

  return {
    request,
    limits,
    answer: promise,
    remainingMs: () => Math.max(1, Math.ceil(deadlineMs - loop.nowMs())),
    heldBy(callback) {
      onGivenUp = callback
    },
    resolve: (response) => settle(() => resolve(response)),
    reject: (error) => settle(() => reject(error)),
  }
}
