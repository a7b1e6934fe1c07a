import { create, type DescMessage } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { BadRequestSchema, RetryInfoSchema } from '@capiscio/proto/google/rpc'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import type { Telemetry } from '../ports/telemetry.ts'
import type { RpcCode, RpcFault } from '../service/rpc-fault.ts'
import type { ServiceImplementation } from '../service/service-implementation.ts'
import { type BearerTokens, checkBearerToken } from './bearer-token.ts'
import type { CallGate } from './call-gate.ts'
import { notOffered } from './fault-status.ts'
import type { UnaryHandler } from './grpc-unary.ts'
import { checkPrivilege } from './privileged-gate.ts'
import { createReportFault } from './report-fault.ts'
import { WEB_ORIGIN } from './web-origin.ts'

const CODES: Readonly<Record<RpcCode, Code>> = {
  INVALID_ARGUMENT: Code.InvalidArgument,
  NOT_FOUND: Code.NotFound,
  ALREADY_EXISTS: Code.AlreadyExists,
  PERMISSION_DENIED: Code.PermissionDenied,
  UNAUTHENTICATED: Code.Unauthenticated,
  FAILED_PRECONDITION: Code.FailedPrecondition,
  RESOURCE_EXHAUSTED: Code.ResourceExhausted,
  UNIMPLEMENTED: Code.Unimplemented,
  UNAVAILABLE: Code.Unavailable,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  CANCELLED: Code.Canceled,
  INTERNAL: Code.Internal,
}

/**
 * The same handlers as on the gRPC listener, for Connect and gRPC-Web over HTTP/1.1.
 *
 * @param tokens wanted with every call; absent: none is
 */
export function addConnectRoutes(
  router: ConnectRouter,
  implementations: readonly ServiceImplementation[],
  gate: CallGate,
  telemetry: Telemetry,
  tokens: BearerTokens | undefined,
): void {
  for (const { service, unary } of implementations) {
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`
      const handler = (unary as Record<string, UnaryHandler | undefined>)[method.localName]
      const report = createReportFault(path, telemetry)
      const serve = async (request: unknown, { signal, requestHeader, values }: HandlerContext): Promise<unknown> => {
        try {
          if (tokens !== undefined) checkBearerToken(tokens, requestHeader.get('authorization') ?? undefined)
          checkPrivilege(path, values.get(WEB_ORIGIN))
          if (method.methodKind !== 'unary' || handler === undefined) throw notOffered(path)
          const leave = gate.enter()
          try {
            return create(method.output as DescMessage, (await handler(request as never, { signal })) as never)
          } finally {
            leave()
          }
        } catch (thrown) {
          throw toConnectError(report(thrown))
        }
      }
      router.rpc(method as never, serve as never)
    }
  }
}

function toConnectError({ code, message, violations, retryAfterMs, cause }: RpcFault): ConnectError {
  const details = []
  if (violations.length > 0) details.push({ desc: BadRequestSchema, value: { fieldViolations: [...violations] } })
  if (retryAfterMs !== undefined) {
    details.push({ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryAfterMs) } })
  }
  return new ConnectError(message, CODES[code], undefined, details, cause)
}
