import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Telemetry } from '../ports/telemetry.ts'
import type { ServiceImplementation } from '../service/service-implementation.ts'
import type { CallGate } from './call-gate.ts'
import { notOffered, toServiceError } from './fault-status.ts'
import { type BidiHandler, type ServerStreamHandler, serveBidi, serveServerStream } from './grpc-stream.ts'
import { serveUnary, type UnaryHandler } from './grpc-unary.ts'
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
 */
export function toGrpcService(
  { service, unary, bidi, serverStream }: ServiceImplementation,
  gate: CallGate,
  telemetry: Telemetry,
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
    if (one !== undefined && methodKind === 'unary') handlers[localName] = serveUnary(method, one, gate, report)
    else if (streamed !== undefined) handlers[localName] = serveServerStream(method, streamed, gate, report)
    else if (many !== undefined) handlers[localName] = serveBidi(method, many, gate, report)
    else handlers[localName] = refuse(path, responseStream, report)
  }
  return { definition, handlers }
}

/** The handler of every method that has none. */
function refuse(path: string, responseStream: boolean, report: ReportFault) {
  const answer = () => toServiceError(report(notOffered(path)))
  if (responseStream)
    return (call: { emit(event: 'error', error: object): boolean }) => void call.emit('error', answer())
  return (_call: unknown, callback: (error: object) => void) => callback(answer())
}
