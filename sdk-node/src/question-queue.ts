import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { EvaluateToolAccessRequest, EvaluateToolAccessResponse } from '@capiscio/proto/core/v1'
import { CoreService, EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import { StatusSchema } from '@capiscio/proto/google/rpc'
import {
  CallAbortedError,
  ClientClosedError,
  CoreFaultError,
  CoreUnavailableError,
  MethodUnimplementedError,
} from '@capiscio/proto/sdk'
import { status } from '@grpc/grpc-js'
import type { EventLoop } from './event-loop.ts'
import { EVENT_LOOP } from './event-loop.ts'
import type { PendingQuestion, QuestionLimits } from './pending-question.ts'
import { createPendingQuestion } from './pending-question.ts'
import { ITEM_OVERHEAD_BYTES } from './question-message.ts'
import type { QuestionStream, StreamEnd } from './question-stream.ts'
import { openQuestionStream } from './question-stream.ts'
import type { CoreTransport } from './transport.ts'

const METHOD = CoreService.method.evaluateToolAccess

/** Questions without an answer on one stream. A core reads no more from it above twice as many. */
export const MAX_OPEN = 512

/** Questions in one message. */
export const MAX_ITEMS = 128

/** Bytes of one message, where the core does not take less. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** Questions that are not sent yet. Their callers hold a few kilobytes each. */
export const MAX_WAITING = 16_384

/** Advice to those who asked when the queue was full. */
const RETRY_AFTER_MS = 1_000

/** Asks one core for decisions. */
export interface QuestionQueue {
  /**
   * Asks once. A question that is alone goes as a call of its own; while others are under way,
   * those that wait go together over one stream.
   *
   * Rejects with a `CapiscioError`, for the same reasons with the same error either way.
   */
  ask(request: EvaluateToolAccessRequest, limits: QuestionLimits): Promise<EvaluateToolAccessResponse>
  /** Everything without an answer fails with `ClientClosedError`; streams end. */
  close(): void
}

export interface QuestionQueueOptions {
  /** Largest message that the core takes, from `GetServerInfo`. */
  readonly maxMessageBytes?: number | undefined
  /** Default: that of the process. */
  readonly loop?: EventLoop
}

/**
 * A question is in one of three places: waiting here, on a stream, or in a call of its own. It
 * leaves the first once. Whatever was given to the connection may have reached the core and
 * left a record, and is not asked again; only a core that offers no stream has read nothing.
 */
export function createQuestionQueue(transport: CoreTransport, options: QuestionQueueOptions = {}): QuestionQueue {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, loop = EVENT_LOOP } = options
  const messageBytes = Math.min(maxMessageBytes, MAX_MESSAGE_BYTES)
  // A question near the limit is nobody's neighbour: it must not take others down with it.
  const sharedBytes = messageBytes / 4 - ITEM_OVERHEAD_BYTES
  const waiting = new Set<PendingQuestion>()
  const streams = new Set<QuestionStream>()
  let current: QuestionStream | undefined
  let offersStream = true
  let underWay = 0
  let isScheduled = false
  let isClosed = false

  function ask(request: EvaluateToolAccessRequest, limits: QuestionLimits): Promise<EvaluateToolAccessResponse> {
    if (isClosed) return Promise.reject(closedError())
    if (!offersStream || underWay === 0) return counted(transport.unary(METHOD, request, limits))
    // Its event is over and will not come again.
    if (limits.signal?.aborted === true) return Promise.reject(new CallAbortedError(limits.signal.reason))
    const bytes = toBinary(EvaluateToolAccessRequestSchema, request)
    if (bytes.length > sharedBytes) return counted(transport.unary(METHOD, request, limits))
    if (waiting.size >= MAX_WAITING) return Promise.reject(fullError())
    const question = createPendingQuestion(bytes, limits, loop, () => timeoutError(limits))
    question.heldBy(() => waiting.delete(question))
    waiting.add(question)
    schedule()
    return counted(question.answer)
  }

  function counted<T>(answer: Promise<T>): Promise<T> {
    underWay += 1
    const over = (): void => {
      underWay -= 1
    }
    answer.then(over, over)
    return answer
  }

  /** At the end of a turn, so that everything that waits by then goes in one message. */
  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    loop.nextTurn(send)
  }

  function send(): void {
    isScheduled = false
    if (!offersStream) {
      for (const question of waiting) askAlone(question)
      return
    }
    if (waiting.size > 0) current ??= open()
    if (current?.canSend !== true) return
    const questions = nextMessage(MAX_OPEN - current.open)
    if (questions.length > 0 || current.hasCancellations) current.send(questions)
  }

  function nextMessage(room: number): PendingQuestion[] {
    const questions: PendingQuestion[] = []
    let bytes = 0
    for (const question of waiting) {
      bytes += question.request.length + ITEM_OVERHEAD_BYTES
      if (questions.length >= Math.min(room, MAX_ITEMS) || bytes > messageBytes) break
      questions.push(question)
      waiting.delete(question)
    }
    return questions
  }

  function open(): QuestionStream {
    const stream: QuestionStream = openQuestionStream(transport, loop, {
      onRoom() {
        if (waiting.size > 0 || stream.hasCancellations) schedule()
      },
      onFinished() {
        if (current === stream) current = undefined
        if (waiting.size > 0) schedule()
      },
      onEnd(end) {
        streams.delete(stream)
        onEnd(end)
      },
    })
    streams.add(stream)
    return stream
  }

  function onEnd({ unanswered, failure, hasAnswered }: StreamEnd): void {
    const secrets = [...new Set(unanswered.flatMap((question) => question.limits.secrets))]
    for (const question of unanswered) {
      const error = failure?.({ timeoutMs: question.limits.timeoutMs, secrets }) ?? unansweredError()
      if (error instanceof MethodUnimplementedError && !hasAnswered) {
        offersStream = false
        askAlone(question)
      } else question.reject(error)
    }
  }

  /** Only for a question that cannot have reached the core. */
  function askAlone(question: PendingQuestion): void {
    waiting.delete(question)
    question.heldBy(() => {})
    const request = fromBinary(EvaluateToolAccessRequestSchema, question.request)
    const limits = { ...question.limits, timeoutMs: question.remainingMs() }
    transport.unary(METHOD, request, limits).then(question.resolve, question.reject)
  }

  function timeoutError({ timeoutMs, secrets }: QuestionLimits): Error {
    const late = create(StatusSchema, { code: status.DEADLINE_EXCEEDED })
    return transport.failure(METHOD.name, late)({ timeoutMs, secrets })
  }

  function unansweredError(): Error {
    return new CoreFaultError(
      `The core at ${transport.label} ended its stream without an answer; the tool was not run. Its log has the cause.`,
    )
  }

  function fullError(): Error {
    return new CoreUnavailableError(
      `${MAX_WAITING} questions wait for the core at ${transport.label}, so this one was not asked and the tool was not run. Try again later, or ask fewer at a time.`,
      { retryAfterMs: RETRY_AFTER_MS },
    )
  }

  function close(): void {
    isClosed = true
    for (const question of waiting) question.reject(closedError())
    waiting.clear()
    for (const stream of streams) stream.open === 0 ? stream.finish() : stream.fail(closedError)
  }

  return { ask, close }
}

function closedError(): Error {
  return new ClientClosedError('This client was disposed while it was asked; the tool was not run.')
}
