import { create, type DescMethodUnary, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { handleUnaryCall, ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Telemetry } from '../ports/telemetry.ts'
import { RpcFault } from '../service/rpc-fault.ts'
import type { CallContext, ServiceImplementation } from '../service/service-implementation.ts'
import type { CallGate } from './call-gate.ts'
import { notOffered, toRpcFault, toServiceError } from './fault-status.ts'

/** One service in the two forms that `Server.addService` wants. */
export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly handlers: UntypedServiceImplementation
}

const passBytes = (bytes: Buffer): Buffer => bytes

/**
 * Serves protobuf-es handlers over grpc-js. Messages are decoded here and not by grpc-js,
 * so that malformed bytes become INVALID_ARGUMENT with a sentence, and are counted.
 */
export function toGrpcService(
  { service, unary }: ServiceImplementation,
  gate: CallGate,
  telemetry: Telemetry,
): GrpcService {
  const definition: Record<string, ServiceDefinition[string]> = {}
  const handlers: UntypedServiceImplementation = {}
  for (const method of service.methods) {
    const requestStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming'
    const responseStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming'
    const path = `/${service.typeName}/${method.name}`
    definition[method.localName] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: passBytes,
      requestDeserialize: passBytes,
      responseSerialize: passBytes,
      responseDeserialize: passBytes,
    }
    const handler = (unary as Record<string, UnaryHandler | undefined>)[method.localName]
    if (handler !== undefined && method.methodKind === 'unary') {
      handlers[method.localName] = serveUnary(path, method as DescMethodUnary, handler, gate, telemetry)
    } else {
      handlers[method.localName] = responseStream ? refuseStream(path, telemetry) : refuseUnary(path, telemetry)
    }
  }
  return { definition, handlers }
}

type UnaryHandler = (request: never, context: CallContext) => Promise<object>

function serveUnary(
  path: string,
  method: DescMethodUnary,
  handler: UnaryHandler,
  gate: CallGate,
  telemetry: Telemetry,
): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const answer = async (): Promise<Buffer> => {
      const leave = gate.enter()
      try {
        const request = decode(method, call.request)
        const response = await handler(request as never, contextOf(call))
        const bytes = toBinary(method.output, create(method.output, response as never))
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      } finally {
        leave()
      }
    }
    answer().then(
      (bytes) => callback(null, bytes),
      (thrown: unknown) => callback(report(thrown, path, telemetry)),
    )
  }
}

/** The bytes are attacker-controlled. */
function decode(method: DescMethodUnary, bytes: Buffer) {
  try {
    return fromBinary(method.input, bytes)
  } catch (cause) {
    throw new RpcFault('INVALID_ARGUMENT', `The request is not a valid ${method.input.typeName} message.`, { cause })
  }
}

/** The abort signal is made only when a handler asks for it: most never do. */
function contextOf(call: ServerUnaryCall<Buffer, Buffer>): CallContext {
  let controller: AbortController | undefined
  return {
    get signal() {
      if (controller === undefined) {
        const made = new AbortController()
        controller = made
        if (call.cancelled) made.abort()
        else call.once('cancelled', () => made.abort())
      }
      return controller.signal
    },
  }
}

function refuseUnary(path: string, telemetry: Telemetry): handleUnaryCall<Buffer, Buffer> {
  return (_call, callback) => callback(report(notOffered(path), path, telemetry))
}

function refuseStream(path: string, telemetry: Telemetry) {
  return (call: { destroy(error: Error): void }): void => {
    call.destroy(Object.assign(new Error(), report(notOffered(path), path, telemetry)))
  }
}

function report(thrown: unknown, path: string, telemetry: Telemetry) {
  const fault = toRpcFault(thrown, path)
  telemetry.requestRefused({ method: path, status: fault.code })
  if (fault.code === 'INTERNAL') telemetry.fault({ where: 'rpc', cause: fault.cause })
  return toServiceError(fault)
}
