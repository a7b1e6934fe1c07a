import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import { BadRequestSchema, RetryInfoSchema, type Status, StatusSchema } from '@capiscio/proto/google/rpc'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type RpcCode, RpcFault } from '../service/rpc-fault.ts'

/** The one table from our faults to gRPC status numbers. */
const STATUS: Readonly<Record<RpcCode, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
  UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  CANCELLED: status.CANCELLED,
  INTERNAL: status.INTERNAL,
}

/** The same text for everything unexpected: the cause belongs to the log, not to callers. */
export function toRpcFault(thrown: unknown, method: string): RpcFault {
  if (thrown instanceof RpcFault) return thrown
  return new RpcFault(
    'INTERNAL',
    `The core met an unexpected fault in ${method}. The tool must not run; the core's log has the cause.`,
    { cause: thrown },
  )
}

/** The answer of every method that has no handler. */
export function notOffered(path: string): RpcFault {
  return new RpcFault('UNIMPLEMENTED', `This core does not offer ${path} yet. GetServerInfo lists what it offers.`)
}

/** Statuses travel in header fields. Larger ones than peers take would end the connection and every call on it. */
const MAX_MESSAGE_LENGTH = 4096

/** A fault as `google.rpc.Status`, with its details. */
export function toStatus(fault: RpcFault): Status {
  const details = []
  if (fault.violations.length > 0) {
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [...fault.violations] })))
  }
  if (fault.retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(fault.retryAfterMs)
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })))
  }
  const { message } = fault
  const told = message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()}…` : message
  return create(StatusSchema, { code: STATUS[fault.code], message: told, details })
}

/** A fault as grpc-js sends it, with `google.rpc` details where there are any. */
export function toServiceError(fault: RpcFault): Pick<ServiceError, 'code' | 'details' | 'metadata'> {
  const metadata = new Metadata()
  const rich = toStatus(fault)
  if (rich.details.length > 0) {
    metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, rich)))
  }
  return { code: rich.code, details: rich.message, metadata }
}
