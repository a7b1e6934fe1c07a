import type { DescMethod } from '@bufbuild/protobuf'
import type { handleUnaryCall } from '@grpc/grpc-js'
import type { CallContext } from '../service/service-implementation.ts'
import type { CallGate } from './call-gate.ts'
import { toServiceError } from './fault-status.ts'
import { contextOf } from './grpc-call-context.ts'
import { decodeMessage, encodeMessage } from './grpc-message.ts'
import type { ReportFault } from './report-fault.ts'

export type UnaryHandler = (request: never, context: CallContext) => Promise<object>

/** Serves one message for one message. */
export function serveUnary(
  method: DescMethod,
  handler: UnaryHandler,
  gate: CallGate,
  report: ReportFault,
): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const answer = async (): Promise<Buffer> => {
      const leave = gate.enter()
      try {
        const request = decodeMessage(method.input, call.request)
        return encodeMessage(method.output, await handler(request as never, contextOf(call)))
      } finally {
        leave()
      }
    }
    answer().then(
      (bytes) => callback(null, bytes),
      (thrown: unknown) => callback(toServiceError(report(thrown))),
    )
  }
}
