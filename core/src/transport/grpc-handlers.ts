import type { Metadata, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Telemetry } from '../ports/telemetry.ts'
import { isPrivilegedMethod } from '../service/privileged-methods.ts'
import type { ServiceImplementation } from '../service/service-implementation.ts'
import type { AdminGate } from './admin-gate.ts'
import type { CallGate } from './call-gate.ts'
import { notOffered, toServiceError } from './fault-status.ts'
import type { OriginOf, PeerKnown } from './grpc-origin.ts'
import { type BidiHandler, type ServerStreamHandler, serveBidi, serveServerStream } from './grpc-stream.ts'
import { serveUnary, type UnaryHandler } from './grpc-unary.ts'
import { checkPrivilege } from './privileged-gate.ts'
import { createReportFault, type ReportFault } from './report-fault.ts'

/** One service in the two forms that `Server.addService` wants. */
export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly handlers: UntypedServiceImplementation
}

const passBytes = (bytes: Buffer): Buffer => bytes

/**
 * Serves protobuf-es handlers over grpc-js. Messages are decoded by us and not by grpc-js,
 * so that malformed bytes become INVALID_ARGUMENT with a sentence, and are counted.
 *
 * @param originOf tells where a call came from, on the listener that these handlers are for
 */
export function toGrpcService(
  { service, unary, bidi, serverStream }: ServiceImplementation,
  gate: CallGate,
  telemetry: Telemetry,
  originOf: OriginOf,
  admin: AdminGate,
): GrpcService {
  const definition: Record<string, ServiceDefinition[string]> = {}
  const handlers: UntypedServiceImplementation = {}
  for (const method of service.methods) {
    const { methodKind, localName } = method
    const path = `/${service.typeName}/${method.name}`
    const report = createReportFault(path, telemetry)
    const requestStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming'
    const responseStream = methodKind === 'server_streaming' || methodKind === 'bidi_streaming'
    definition[localName] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: passBytes,
      requestDeserialize: passBytes,
      responseSerialize: passBytes,
      responseDeserialize: passBytes,
    }
    const one = (unary as Record<string, UnaryHandler | undefined>)[localName]
    const many = (bidi as Record<string, BidiHandler | undefined>)[localName]
    const streamed = (serverStream as Record<string, ServerStreamHandler | undefined>)[localName]
    const serve =
      one !== undefined && methodKind === 'unary'
        ? serveUnary(method, one, gate, report)
        : many !== undefined
          ? serveBidi(method, many, gate, report)
          : streamed !== undefined
            ? serveServerStream(method, streamed, gate, report)
            : refuse(path, responseStream, report)
    // Asked once for each method and not with each call: most calls are ordinary.
    handlers[localName] = isPrivilegedMethod(path)
      ? (guarded(path, serve as AnyHandler, responseStream, report, originOf, admin) as never)
      : serve
  }
  return { definition, handlers }
}

type AnyCall = PeerKnown & { readonly metadata: Metadata; emit(event: 'error', error: object): boolean }
type AnyHandler = (call: AnyCall, callback: (error: object) => void) => void

/** Stands before a privileged handler of any kind: a call that may not be made is refused before it is read. */
function guarded(
  path: string,
  serve: AnyHandler,
  responseStream: boolean,
  report: ReportFault,
  originOf: OriginOf,
  admin: AdminGate,
): AnyHandler {
  return (call, callback) => {
    try {
      const origin = originOf(call)
      checkPrivilege(path, origin)
      admin.check(path, origin.listener, call.metadata.get('authorization').map(String))
    } catch (thrown) {
      const answer = toServiceError(report(thrown))
      if (responseStream) call.emit('error', answer)
      else callback(answer)
      return
    }
    serve(call, callback)
  }
}

/** The handler of every method that has none. */
function refuse(path: string, responseStream: boolean, report: ReportFault): AnyHandler {
  const answer = () => toServiceError(report(notOffered(path)))
  if (responseStream) return (call) => void call.emit('error', answer())
  return (_call, callback) => callback(answer())
}
