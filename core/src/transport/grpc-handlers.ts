import { create, type DescMethod, type DescMethodUnary, fromBinary, toBinary } from '@bufbuild/protobuf'
import type {
  handleBidiStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Telemetry } from '../ports/telemetry.ts'
import { RpcFault } from '../service/rpc-fault.ts'
import type { CallContext, ServiceImplementation, StreamContext } from '../service/service-implementation.ts'
import type { CallGate } from './call-gate.ts'
import { notOffered, toRpcFault, toServiceError, toStatus } from './fault-status.ts'

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
  { service, unary, bidi }: ServiceImplementation,
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
    const stream = (bidi as Record<string, BidiHandler | undefined>)[method.localName]
    if (handler !== undefined && method.methodKind === 'unary') {
      handlers[method.localName] = serveUnary(path, method as DescMethodUnary, handler, gate, telemetry)
    } else if (stream !== undefined) {
      handlers[method.localName] = serveBidi(path, method, stream, gate, telemetry)
    } else {
      handlers[method.localName] = responseStream ? refuseStream(path, telemetry) : refuseUnary(path, telemetry)
    }
  }
  return { definition, handlers }
}

type UnaryHandler = (request: never, context: CallContext) => Promise<object>

type BidiHandler = (messages: AsyncIterable<never>, context: StreamContext) => AsyncIterable<object>

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

/**
 * Serves a stream in both directions. Reading and writing wait for one another: a client
 * that does not read is not read from.
 */
function serveBidi(
  path: string,
  method: DescMethod,
  handler: BidiHandler,
  gate: CallGate,
  telemetry: Telemetry,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    async function* messages(): AsyncGenerator<never> {
      // Without the option a message that cannot be read would end the call without a status.
      for await (const bytes of call.iterator({ destroyOnReturn: false })) yield decode(method, bytes) as never
    }
    const context: StreamContext = {
      signal: contextOf(call).signal,
      enter: () => gate.enter(),
      toStatus: (thrown) => toStatus(count(thrown, path, telemetry)),
      after: (ms, callback) => {
        const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS))
        return () => clearTimeout(timer)
      },
      nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    }
    const serve = async (): Promise<void> => {
      for await (const response of handler(messages(), context)) {
        const bytes = toBinary(method.output, create(method.output, response as never))
        const more = call.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
        if (!more && !call.cancelled) await drained(call)
      }
      call.end()
    }
    serve().catch((thrown: unknown) => {
      if (!call.cancelled) call.emit('error', report(thrown, path, telemetry))
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

/** The bytes are attacker-controlled. */
function decode(method: DescMethod, bytes: Buffer) {
  try {
    return fromBinary(method.input, bytes)
  } catch (cause) {
    throw new RpcFault('INVALID_ARGUMENT', `The request is not a valid ${method.input.typeName} message.`, { cause })
  }
}

interface Cancellable {
  readonly cancelled: boolean
  once(event: 'cancelled', listener: () => void): unknown
}

/** The abort signal is made only when a handler asks for it: most never do. */
function contextOf(call: Cancellable): CallContext {
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
  return (call: { emit(event: 'error', error: object): boolean }): void => {
    call.emit('error', report(notOffered(path), path, telemetry))
  }
}

/** The fault that something thrown is, counted. */
function count(thrown: unknown, path: string, telemetry: Telemetry): RpcFault {
  const fault = toRpcFault(thrown, path)
  telemetry.requestRefused({ method: path, status: fault.code })
  if (fault.code === 'INTERNAL') telemetry.fault({ where: 'rpc', cause: fault.cause })
  return fault
}

function report(thrown: unknown, path: string, telemetry: Telemetry) {
  return toServiceError(count(thrown, path, telemetry))
}
