import type { DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf'

/** What a handler may know about the call it serves, on every listener. */
export interface CallContext {
  /** Aborted when the caller cancels, disconnects or its deadline passes. */
  readonly signal: AbortSignal
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
}

/** Ties handlers to their service so that the compiler checks every signature. */
export function implementService<S extends DescService>(
  service: S,
  unary: Partial<UnaryMethods<S>>,
): ServiceImplementation<S> {
  return { service, unary }
}

/** `/package.Service/Method` of every method that has a handler. */
export function implementedMethods(implementations: readonly ServiceImplementation[]): string[] {
  return implementations.flatMap(({ service, unary }) =>
    service.methods
      .filter((method) => method.localName in unary)
      .map((method) => `/${service.typeName}/${method.name}`),
  )
}
