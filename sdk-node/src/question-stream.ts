import { create } from '@bufbuild/protobuf'
import type { EvaluateToolAccessStreamResult } from '@capiscio/proto/core/v1'
import { CoreService, EvaluateToolAccessResponseSchema } from '@capiscio/proto/core/v1'
import { status } from '@grpc/grpc-js'
import type { EventLoop } from './event-loop.ts'
import type { PendingQuestion } from './pending-question.ts'
import { encodeQuestionMessage } from './question-message.ts'
import type { CoreTransport, FailureFor } from './transport.ts'

/** Time without a question after which the stream is ended, so that it keeps no process alive. */
export const IDLE_MS = 50

/**
 * Time after which a stream takes no more questions: its access token is looked at when it is
 * opened, and one that was taken away must not count for as long as somebody asks.
 */
export const MAX_AGE_MS = 30_000

/** Time that the core has to end a finished stream, after its last question. */
export const LINGER_MS = 1_000

/** What becomes of one stream of questions. */
export interface QuestionStreamEvents {
  /** There may be room now, or a cancellation to send: look whether to `send`. */
  readonly onRoom: () => void
  /** It takes no more questions. */
  readonly onFinished: () => void
  /** It is over. The unanswered questions may have reached the core, unless `failure` says otherwise. */
  readonly onEnd: (end: StreamEnd) => void
}

export interface StreamEnd {
  readonly unanswered: readonly PendingQuestion[]
  /** Absent when the core ended the stream in order, although it owed answers. */
  readonly failure: FailureFor | undefined
  /** Whether the core has answered anything on it. */
  readonly hasAnswered: boolean
}

/** One `EvaluateToolAccessStream` and the questions on it. */
export interface QuestionStream {
  /** Questions without an answer. */
  readonly open: number
  /** Whether the connection has taken the last message. */
  readonly canSend: boolean
  /** Whether the core waits to be told that answers are no longer wanted. */
  readonly hasCancellations: boolean
  /** Sends questions, and what was cancelled since the last message, in one message. */
  send(questions: readonly PendingQuestion[]): void
  /** Takes no more questions. Those on it are still answered. */
  finish(): void
  /** Ends it at once; its questions fail. */
  fail(error: () => Error): void
}

/** Opens a stream. It finishes by itself when it is idle, old, or belongs to a core that is going away. */
export function openQuestionStream(
  transport: CoreTransport,
  loop: EventLoop,
  { onRoom, onFinished, onEnd }: QuestionStreamEvents,
): QuestionStream {
  const open = new Map<bigint, PendingQuestion>()
  let cancelled: bigint[] = []
  let nextId = 1n
  let canSend = true
  let hasAnswered = false
  let isFinished = false
  let stopIdle = (): void => {}
  let stopLinger = (): void => {}
  const stopAge = loop.after(MAX_AGE_MS, finish)

  const call = transport.openStream(CoreService.method.evaluateToolAccessStream, {
    onMessage({ results }) {
      hasAnswered = true
      for (const result of results) take(result)
    },
    onEnd(failure) {
      const unanswered = [...open.values()]
      open.clear()
      finish()
      stopLinger()
      onEnd({ unanswered, failure, hasAnswered })
    },
  })

  function take({ requestId, result }: EvaluateToolAccessStreamResult): void {
    const question = open.get(requestId)
    // Nobody waits for the answer of a question that was given up.
    if (question === undefined) return
    remove(requestId)
    if (result.case === 'error') {
      const failure = transport.failure(CoreService.method.evaluateToolAccess.name, result.value)
      question.reject(failure(question.limits))
      // It may be going away: the next question belongs on a connection that is looked for anew.
      if (result.value.code === status.UNAVAILABLE) finish()
    } else {
      // An answer without a decision is read like that of a lone call: as a denial.
      const decision = result.case === 'decision' ? { decision: result.value } : {}
      question.resolve(create(EvaluateToolAccessResponseSchema, decision))
    }
  }

  function remove(requestId: bigint): void {
    open.delete(requestId)
    if (open.size === 0) {
      if (isFinished) linger()
      else stopIdle = loop.after(IDLE_MS, finish)
    }
    onRoom()
  }

  function finish(): void {
    if (isFinished) return
    isFinished = true
    stopIdle()
    stopAge()
    call.finish()
    onFinished()
    if (open.size === 0) linger()
  }

  function linger(): void {
    stopLinger = loop.after(LINGER_MS, () => call.cancel())
  }

  return {
    get open() {
      return open.size
    },
    get canSend() {
      return canSend
    },
    get hasCancellations() {
      return cancelled.length > 0
    },
    send(questions) {
      if (questions.length > 0) stopIdle()
      const items = questions.map((question) => {
        const requestId = nextId++
        open.set(requestId, question)
        question.heldBy(() => {
          cancelled.push(requestId)
          remove(requestId)
        })
        return { requestId, request: question.request, timeoutMs: question.remainingMs() }
      })
      const message = encodeQuestionMessage(items, cancelled)
      cancelled = []
      canSend = false
      call.send(message, () => {
        canSend = true
        onRoom()
      })
    },
    finish,
    fail(error) {
      const unanswered = [...open.values()]
      open.clear()
      for (const question of unanswered) question.reject(error())
      finish()
      call.cancel()
    },
  }
}
