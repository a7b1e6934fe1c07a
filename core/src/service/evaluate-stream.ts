import type { MessageInitShape } from '@bufbuild/protobuf'
import { durationMs } from '@bufbuild/protobuf/wkt'
import type {
  EvaluateToolAccessStreamItem,
  EvaluateToolAccessStreamRequest,
  EvaluateToolAccessStreamResponseSchema,
  EvaluateToolAccessStreamResultSchema,
} from '@capiscio/proto/core/v1'
import type { AllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import { decodeAccessRequest } from './decode-access-request.ts'
import { encodeDecision } from './encode-decision.ts'
import type { EvaluateAccess } from './evaluate-access.ts'
import { invalidArgument, RpcFault } from './rpc-fault.ts'
import type { StreamContext } from './service-implementation.ts'
import { createStreamAnswers } from './stream-answers.ts'

export type StreamResult = MessageInitShape<typeof EvaluateToolAccessStreamResultSchema>

/** Questions of one stream that may be unanswered or unread; more are not read from it. */
const MAX_OPEN = 1024

/** Answers in one message, where there is room for them. */
const MAX_BATCH = 256

/** No answer takes more: its strings are bounded, and so is the record of them. */
const LARGEST_ANSWER_BYTES = 16 * 1024

export interface EvaluateStreamOptions {
  readonly evaluate: EvaluateAccess
  readonly allowedTools: AllowedToolsCompiler
  /** Largest message that may be sent. */
  readonly maxMessageBytes: number
}

/**
 * Answers the questions of one stream as their decisions become durable, in any order.
 * Each question gets exactly one answer, and one bad question never ends the stream. A
 * client that does not read its answers is not read from: what is kept for it is bounded.
 */
export function createEvaluateStream({ evaluate, allowedTools, maxMessageBytes }: EvaluateStreamOptions) {
  const maxBatch = Math.max(1, Math.min(MAX_BATCH, Math.floor(maxMessageBytes / LARGEST_ANSWER_BYTES)))
  return async function* evaluateStream(
    messages: AsyncIterable<EvaluateToolAccessStreamRequest>,
    { enter, toStatus, signal, after, nextTurn }: StreamContext,
  ): AsyncGenerator<MessageInitShape<typeof EvaluateToolAccessStreamResponseSchema>> {
    /** Unanswered questions, with what gives up on them. */
    const open = new Map<bigint, (fault: RpcFault) => void>()
    const answers = createStreamAnswers<StreamResult>({ limit: MAX_OPEN, open: () => open.size, nextTurn })

    const fail = (requestId: bigint, thrown: unknown): void =>
      answers.push({ requestId, result: { case: 'error', value: toStatus(thrown) } })

    const ask = ({ requestId, request, timeout }: EvaluateToolAccessStreamItem): void => {
      const timeoutMs = timeout === undefined ? undefined : durationMs(timeout)
      const refused = refuse(open.has(requestId), request, timeoutMs)
      if (refused !== undefined || request === undefined) {
        fail(requestId, refused)
        return
      }

      let stopTimer = (): void => {}
      const settle = (give: () => void): void => {
        // Whoever comes first answers; the rest of the race is recorded, and nobody's.
        if (open.get(requestId) !== giveUp) return
        open.delete(requestId)
        stopTimer()
        give()
      }
      const giveUp = (fault: RpcFault): void => settle(() => fail(requestId, fault))
      open.set(requestId, giveUp)
      if (timeoutMs !== undefined) stopTimer = after(timeoutMs, () => giveUp(tooLate()))

      const decide = async () => {
        const leave = enter()
        try {
          return encodeDecision(await evaluate(decodeAccessRequest(request, allowedTools)))
        } finally {
          leave()
        }
      }
      decide().then(
        (decision) => settle(() => answers.push({ requestId, result: { case: 'decision', value: decision } })),
        (thrown: unknown) => settle(() => fail(requestId, thrown)),
      )
    }

    const readAll = async (): Promise<void> => {
      for await (const { items, cancel } of messages) {
        for (const requestId of cancel) open.get(requestId)?.(new RpcFault('CANCELLED', 'The client gave up.'))
        for (const item of items) {
          // One message may hold more questions than may be open: they wait their turn.
          await answers.room()
          ask(item)
        }
      }
    }

    const reading = readAll().then(
      () => answers.end(),
      (thrown: unknown) => answers.fail(thrown),
    )
    signal.addEventListener('abort', () => answers.fail(signal.reason), { once: true })
    try {
      for await (const results of answers.batches(maxBatch)) yield { results }
      await reading
    } finally {
      // The stream is over: nothing that is still being decided has anybody to go to.
      for (const giveUp of [...open.values()]) giveUp(new RpcFault('CANCELLED', 'The stream is over.'))
    }
  }
}

/** Why a question is not even asked; `undefined` when it is. */
function refuse(isOpen: boolean, request: unknown, timeoutMs: number | undefined): RpcFault | undefined {
  if (isOpen) return invalidArgument([{ field: 'request_id', description: 'is that of a question without an answer' }])
  if (request === undefined) return invalidArgument([{ field: 'request', description: 'is required' }])
  if (timeoutMs !== undefined && timeoutMs <= 0) return tooLate()
  return undefined
}

function tooLate(): RpcFault {
  return new RpcFault('DEADLINE_EXCEEDED', 'The answer was not ready in time. The decision may have been recorded.')
}
