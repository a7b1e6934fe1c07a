import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary, MessageShape } from '@bufbuild/protobuf'
import { create, fromBinary } from '@bufbuild/protobuf'
import type {
  EvaluateToolAccessRequest,
  EvaluateToolAccessResponse,
  EvaluateToolAccessStreamRequest,
  EvaluateToolAccessStreamResponse,
} from '@capiscio/proto/core/v1'
import {
  DecisionSchema,
  EvaluateToolAccessStreamRequestSchema,
  EvaluateToolAccessStreamResponseSchema,
} from '@capiscio/proto/core/v1'
import { StatusSchema } from '@capiscio/proto/google/rpc'
import { parseCoreAddress } from '../../sdk-node/src/core-address.ts'
import type { CoreTransport, FailureFor, StreamEvents, UnaryOptions } from '../../sdk-node/src/transport.ts'
import { createTransport } from '../../sdk-node/src/transport.ts'

/** A call of its own that was made and not answered. */
export interface ScriptedUnary {
  readonly request: EvaluateToolAccessRequest
  readonly options: UnaryOptions
  readonly resolve: (response: EvaluateToolAccessResponse) => void
  readonly reject: (error: Error) => void
}

/** A stream as the core sees it. */
export interface ScriptedStream {
  readonly messages: EvaluateToolAccessStreamRequest[]
  /** Sizes of `messages`. */
  readonly bytes: number[]
  readonly state: { isFinished: boolean; isCancelled: boolean }
  /** The connection has taken the last message. */
  take(): void
  /** Questions on it, with their ids, in the order sent. */
  items(): { readonly id: bigint; readonly tool: string; readonly timeoutMs: number }[]
  /** Ids that were cancelled, in the order told. */
  cancelled(): bigint[]
  answer(...answers: { readonly id: bigint; readonly evidenceId?: string; readonly error?: number }[]): void
  /** Answers with anything. */
  say(response: EvaluateToolAccessStreamResponse): void
  end(failure?: FailureFor): void
}

export interface ScriptedTransport extends CoreTransport {
  readonly unaries: ScriptedUnary[]
  readonly streams: ScriptedStream[]
}

/** A connection whose other end is the test. Errors are made as by a real one. */
export function createScriptedTransport(): ScriptedTransport {
  const unaries: ScriptedUnary[] = []
  const streams: ScriptedStream[] = []
  return {
    ...createTransport(parseCoreAddress('127.0.0.1:1')),
    unaries,
    streams,
    unary<I extends DescMessage, O extends DescMessage>(
      _method: DescMethodUnary<I, O>,
      request: MessageShape<I>,
      options: UnaryOptions,
    ): Promise<MessageShape<O>> {
      return new Promise((resolve, reject) => {
        unaries.push({
          request: request as unknown as EvaluateToolAccessRequest,
          options,
          resolve: (response) => resolve(response as unknown as MessageShape<O>),
          reject,
        })
      })
    },
    openStream<I extends DescMessage, O extends DescMessage>(
      _method: DescMethodBiDiStreaming<I, O>,
      events: StreamEvents<O>,
    ) {
      const { stream, end } = createScriptedStream(events as unknown as StreamEvents<typeof ANSWERS>)
      streams.push(stream)
      return end
    },
  }
}

const ANSWERS = EvaluateToolAccessStreamResponseSchema

function createScriptedStream({ onMessage, onEnd }: StreamEvents<typeof ANSWERS>) {
  const messages: EvaluateToolAccessStreamRequest[] = []
  const bytes: number[] = []
  const state = { isFinished: false, isCancelled: false }
  let onTaken = (): void => {}
  const stream: ScriptedStream = {
    messages,
    bytes,
    state,
    take: () => onTaken(),
    items: () =>
      messages.flatMap(({ items }) =>
        items.map(({ requestId, request, timeout }) => ({
          id: requestId,
          tool: request?.toolName ?? '',
          timeoutMs: Number(timeout?.seconds) * 1000 + Number(timeout?.nanos) / 1e6,
        })),
      ),
    cancelled: () => messages.flatMap(({ cancel }) => cancel),
    answer(...answers) {
      const results = answers.map(({ id, evidenceId = '', error }) => ({
        requestId: id,
        result:
          error === undefined
            ? { case: 'decision' as const, value: create(DecisionSchema, { evidenceId }) }
            : { case: 'error' as const, value: create(StatusSchema, { code: error, message: `status ${error}` }) },
      }))
      onMessage(create(ANSWERS, { results }))
    },
    say: (response) => onMessage(response),
    end: (failure) => onEnd(failure),
  }
  const end = {
    send(message: Uint8Array, callback: () => void): void {
      if (state.isFinished || state.isCancelled) throw new Error('A message after the end of the stream')
      messages.push(fromBinary(EvaluateToolAccessStreamRequestSchema, message))
      bytes.push(message.length)
      onTaken = callback
    },
    finish(): void {
      state.isFinished = true
    },
    cancel(): void {
      state.isCancelled = true
    },
  }
  return { stream, end }
}
