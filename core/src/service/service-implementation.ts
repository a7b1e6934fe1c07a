import type { DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { StatusSchema } from '@capiscio/proto/google/rpc'

/** What a handler may know about the call it serves, on every listener. */
export interface CallContext {
  /** Aborted when the caller cancels, disconnects or its deadline passes. */
  readonly signal: AbortSignal
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
}

/** Ties handlers to their service so that the compiler checks every signature. */
export function implementService<S extends DescService>(
  service: S,
  unary: Partial<UnaryMethods<S>>,
  bidi: Partial<BidiMethods<S>> = {},
): ServiceImplementation<S> {
  return { service, unary, bidi }
}

/** `/package.Service/Method` of every method that has a handler. */
export function implementedMethods(implementations: readonly ServiceImplementation[]): string[] {
  return implementations.flatMap(({ service, unary, bidi }) =>
    service.methods
      .filter((method) => method.localName in unary || method.localName in bidi)
      .map((method) => `/${service.typeName}/${method.name}`),
  )
}
