import type { DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { StatusSchema } from '@capiscio/proto/google/rpc'

/** What a handler may know about the call it serves, on every listener. */
export interface CallContext {
  /** Aborted when the caller cancels, disconnects or its deadline passes. */
  readonly signal: AbortSignal
  /** A header of the call, by its lower-case name. Attacker-controlled. */
  header(name: string): string | undefined
}

/** What a handler that answers with a stream needs besides. */
export interface ServerStreamContext extends CallContext {
  /** Aborted when the core takes no new calls: the stream should come to its end. */
  readonly stopping: AbortSignal
}

/** What a stream handler needs besides, because it answers many questions in one call. */
export interface StreamContext extends CallContext {
  /** Lets one question in, as every call; the result is called when its answer is ready. */
  enter(): () => void
  /** A fault, or anything thrown, as the status of one answer. */
  toStatus(thrown: unknown): MessageInitShape<typeof StatusSchema>
  /** Calls back after that many milliseconds, unless the result is called before. */
  after(ms: number, callback: () => void): () => void
  /** Resolves in the next turn of the event loop. */
  nextTurn(): Promise<void>
}

/** Methods of `S` with a stream in both directions, by their TypeScript name. */
export type BidiMethods<S extends DescService> = {
  [M in keyof S['method'] as S['method'][M]['methodKind'] extends 'bidi_streaming' ? M : never]: (
    messages: AsyncIterable<MessageShape<S['method'][M]['input']>>,
    context: StreamContext,
  ) => AsyncIterable<MessageInitShape<S['method'][M]['output']>>
}

/** Methods of `S` that take one message and return a stream, by their TypeScript name. */
export type ServerStreamMethods<S extends DescService> = {
  [M in keyof S['method'] as S['method'][M]['methodKind'] extends 'server_streaming' ? M : never]: (
    request: MessageShape<S['method'][M]['input']>,
    context: ServerStreamContext,
  ) => AsyncIterable<MessageInitShape<S['method'][M]['output']>>
}

/** Methods of `S` that take one message and return one, by their TypeScript name. */
export type UnaryMethods<S extends DescService> = {
  [M in keyof S['method'] as S['method'][M]['methodKind'] extends 'unary' ? M : never]: (
    request: MessageShape<S['method'][M]['input']>,
    context: CallContext,
  ) => Promise<MessageInitShape<S['method'][M]['output']>>
}

/** A service as its handlers. A method that is left out answers UNIMPLEMENTED. */
export interface ServiceImplementation<S extends DescService = DescService> {
  readonly service: S
  readonly unary: Partial<UnaryMethods<S>>
  readonly bidi: Partial<BidiMethods<S>>
  readonly serverStream: Partial<ServerStreamMethods<S>>
}

/** Ties handlers to their service so that the compiler checks every signature. */
export function implementService<S extends DescService>(
  service: S,
  unary: Partial<UnaryMethods<S>>,
  bidi: Partial<BidiMethods<S>> = {},
  serverStream: Partial<ServerStreamMethods<S>> = {},
): ServiceImplementation<S> {
  return { service, unary, bidi, serverStream }
}

/** `/package.Service/Method` of every method that has a handler. */
export function implementedMethods(implementations: readonly ServiceImplementation[]): string[] {
  return implementations.flatMap(({ service, unary, bidi, serverStream }) =>
    service.methods
      .filter(({ localName }) => localName in unary || localName in bidi || localName in serverStream)
      .map((method) => `/${service.typeName}/${method.name}`),
  )
}
