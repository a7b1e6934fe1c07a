import { create, type DescMessage, type DescMethodServerStreaming, type DescMethodUnary } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { BadRequestSchema, RetryInfoSchema } from '@capiscio/proto/google/rpc'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import type { Telemetry } from '../ports/telemetry.ts'
import type { RpcCode, RpcFault } from '../service/rpc-fault.ts'
import type { CallContext, ServiceImplementation } from '../service/service-implementation.ts'
import { type BearerTokens, checkBearerToken } from './bearer-token.ts'
import type { CallGate } from './call-gate.ts'
import { notOffered } from './fault-status.ts'
import type { ServerStreamHandler } from './grpc-stream.ts'
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
  for (const { service, unary, serverStream } of implementations) {
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`
      const handler = (unary as Record<string, UnaryHandler | undefined>)[method.localName]
      const report = createReportFault(path, telemetry)
      const refuse = (thrown: unknown): never => {
        throw toConnectError(report(thrown))
      }
      const admit = ({ requestHeader, values }: HandlerContext): void => {
        if (tokens !== undefined) checkBearerToken(tokens, requestHeader.get('authorization') ?? undefined)
        checkPrivilege(path, values.get(WEB_ORIGIN))
      }
      const streamed = (serverStream as Record<string, ServerStreamHandler | undefined>)[method.localName]
      if (method.methodKind === 'server_streaming' && streamed !== undefined) {
        router.rpc(method as DescMethodServerStreaming, async function* (request: unknown, call: HandlerContext) {
          try {
            admit(call)
            // Let in like every call, but not waited for: such a stream ends because the core stops.
            gate.enter()()
            const context = { ...contextOf(call), stopping: gate.closing }
            for await (const answer of streamed(request as never, context)) {
              yield create(method.output as DescMessage, answer as never) as never
            }
          } catch (thrown) {
            refuse(thrown)
          }
        })
        continue
      }
      if (method.methodKind !== 'unary' || handler === undefined) {
        const answer = async (_request: unknown, call: HandlerContext) => {
          try {
            admit(call)
            throw notOffered(path)
          } catch (thrown) {
            return refuse(thrown)
          }
        }
        router.rpc(method as never, answer as never)
        continue
      }
      router.rpc(method as DescMethodUnary, async (request: unknown, call: HandlerContext) => {
        try {
          admit(call)
          const leave = gate.enter()
          try {
            const answer = await handler(request as never, contextOf(call))
            return create(method.output as DescMessage, answer as never) as never
          } finally {
            leave()
          }
        } catch (thrown) {
          return refuse(thrown)
        }
      })
    }
  }
}

function contextOf({ signal, requestHeader }: HandlerContext): CallContext {
  return {
    signal,
    header: (name) => requestHeader.get(name) ?? undefined,
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
