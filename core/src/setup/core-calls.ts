import { create, type DescMethodUnary, type MessageShape } from '@bufbuild/protobuf'
import { CoreService, EvidenceService } from '@capiscio/proto/core/v1'
import type { CallContext, ServiceImplementation } from '../service/service-implementation.ts'

/** Calls of a core that a program in the same process makes: no listener, no bytes in between. */
export type CoreCall = <M extends DescMethodUnary>(
  method: M,
  request: MessageShape<M['input']>,
  signal: AbortSignal,
) => Promise<MessageShape<M['output']>>

type Handler = (request: unknown, context: CallContext) => Promise<object>

/** Hands calls to the same handlers as the listeners. What those throw is thrown. */
export function createCoreCall(services: readonly ServiceImplementation[]): CoreCall {
  return async (method, request, signal) => {
    const unary = services.find(({ service }) => service.typeName === method.parent.typeName)?.unary
    const handler = (unary as Readonly<Record<string, Handler | undefined>> | undefined)?.[method.localName]
    if (handler === undefined) throw new TypeError(`${method.name} is not offered in process`)
    return create(method.output, (await handler(request, { signal, header: () => undefined })) as never) as never
  }
}

/** The calls that a client of the SDK makes, by their name there. */
export const IN_PROCESS_METHODS = {
  evaluateToolAccess: CoreService.method.evaluateToolAccess,
  filterTools: CoreService.method.filterTools,
  authenticateCaller: CoreService.method.authenticateCaller,
  verifyServer: CoreService.method.verifyServer,
  getServerInfo: CoreService.method.getServerInfo,
  recordOutcome: EvidenceService.method.recordOutcome,
  getRecord: EvidenceService.method.getRecord,
} as const
