import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { RpcFault } from '../service/rpc-fault.ts'
import { holdsMoreParts } from './message-parts.ts'

/** Most parts of a message. A listing of as many tools as there may be, each with its demands, has a quarter of it. */
const MAX_PARTS = 8192

/**
 * Reads a message. The bytes are attacker-controlled.
 *
 * @throws {RpcFault} INVALID_ARGUMENT when they are no such message, RESOURCE_EXHAUSTED when there
 *   is too much in it
 */
export function decodeMessage<M extends DescMessage>(schema: M, bytes: Uint8Array): MessageShape<M> {
  try {
    if (!holdsMoreParts(schema, bytes, MAX_PARTS)) return fromBinary(schema, bytes)
  } catch (cause) {
    throw new RpcFault('INVALID_ARGUMENT', `The request is not a valid ${schema.typeName} message.`, { cause })
  }
  throw new RpcFault(
    'RESOURCE_EXHAUSTED',
    `The request is a ${schema.typeName} message of more than ${MAX_PARTS} parts: ask in several messages.`,
  )
}

/** Writes what a handler returned, as the buffer that grpc-js wants. */
export function encodeMessage(schema: DescMessage, message: object): Buffer {
  const bytes = toBinary(schema, create(schema, message as never))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
