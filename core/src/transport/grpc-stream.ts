import type { DescMethod } from '@bufbuild/protobuf'
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js'
import type { StreamContext } from '../service/service-implementation.ts'
import type { CallGate } from './call-gate.ts'
import { cancellationOf } from './call-signal.ts'
import { toServiceError, toStatus } from './fault-status.ts'
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
    const context: StreamContext = {
      signal: cancellationOf(call).signal,
      enter: () => gate.enter(),
      toStatus: (thrown) => toStatus(report(thrown)),
      after: (ms, callback) => {
        const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS))
        return () => clearTimeout(timer)
      },
      nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    }
    const serve = async (): Promise<void> => {
      for await (const response of handler(messages(), context)) {
        const more = call.write(encodeMessage(method.output, response))
        if (!more && !call.cancelled) await drained(call)
      }
      call.end()
    }
    serve().catch((thrown: unknown) => {
      if (!call.cancelled) call.emit('error', toServiceError(report(thrown)))
    })
  }
}

/** Timers cannot wait longer; neither will anybody. */
const MAX_TIMER_MS = 2 ** 31 - 1

function drained(call: ServerDuplexStream<Buffer, Buffer>): Promise<void> {
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
