import { create, type DescMethodUnary, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import type { ServiceImplementation } from '../../core/src/service/service-implementation.ts'

/** Calls a handler as a listener does, without one: a whole message goes in and comes out. */
export async function callUnary<M extends DescMethodUnary>(
  { unary }: ServiceImplementation,
  method: M,
  request: MessageInitShape<M['input']>,
): Promise<MessageShape<M['output']>> {
  const handler = (unary as Record<string, ((message: unknown, context: object) => Promise<object>) | undefined>)[
    method.localName
  ]
  if (handler === undefined) throw new Error(`There is no handler for ${method.name}`)
  const answer = await handler(create(method.input, request), { signal: new AbortController().signal })
  return create(method.output, answer as never) as never
}
