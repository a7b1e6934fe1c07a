import type { DescMethod } from '@bufbuild/protobuf'
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js'
import type { ServerStreamContext, StreamContext } from '../service/service-implementation.ts'
import type { CallGate } from './call-gate.ts'
import { toServiceError, toStatus } from './fault-status.ts'
import { contextOf } from './grpc-call-context.ts'
import { decodeMessage, encodeMessage } from './grpc-message.ts'
import type { ReportFault } from './report-fault.ts'

export type BidiHandler = (messages: AsyncIterable<never>, context: StreamContext) => AsyncIterable<object>

/**
 * Serves a stream in both directions. Reading and writing wait for one another: a client
 * that does not read is not read from.
 */
export function serveBidi(
  method: DescMethod,
  handler: BidiHandler,
  gate: CallGate,
  report: ReportFault,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    async function* messages(): AsyncGenerator<never> {
      // Without the option a message that cannot be read would end the call without a status.
      for await (const bytes of call.iterator({ destroyOnReturn: false })) {
        yield decodeMessage(method.input, bytes) as never
      }
    }
    const { signal, header } = contextOf(call)
    const context: StreamContext = {
      ...{ signal, header },
      enter: () => gate.enter(),
      toStatus: (thrown) => toStatus(report(thrown)),
      after: (ms, callback) => {
        const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS))
        return () => clearTimeout(timer)
      },
      nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    }
    sendAll(call, method, handler(messages(), context), report)
  }
}

export type ServerStreamHandler = (request: never, context: ServerStreamContext) => AsyncIterable<object>

/** Serves a stream for one message. A client that does not read is not written to. */
export function serveServerStream(
  method: DescMethod,
  handler: ServerStreamHandler,
  gate: CallGate,
  report: ReportFault,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const { signal, header } = contextOf(call)
    async function* answers(): AsyncGenerator<object> {
      // Let in like every call, but not waited for: such a stream ends because the core stops.
      gate.enter()()
      const request = decodeMessage(method.input, call.request) as never
      yield* handler(request, { signal, header, stopping: gate.closing })
    }
    sendAll(call, method, answers(), report)
  }
}

/** Sends what comes, at the pace of the reader, and ends the call. */
function sendAll(
  call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  method: DescMethod,
  responses: AsyncIterable<object>,
  report: ReportFault,
): void {
  const send = async (): Promise<void> => {
    for await (const response of responses) {
      const more = call.write(encodeMessage(method.output, response))
      if (!more && !call.cancelled) await drained(call)
    }
    call.end()
  }
  send().catch((thrown: unknown) => {
    if (!call.cancelled) call.emit('error', toServiceError(report(thrown)))
  })
}

/** Timers cannot wait longer; neither will anybody. */
const MAX_TIMER_MS = 2 ** 31 - 1

function drained(call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done)
      call.off('cancelled', done)
      resolve()
    }
    call.once('drain', done)
    call.once('cancelled', done)
  })
}
