import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { RpcFault } from '../service/rpc-fault.ts'

/**
 * Reads a message. The bytes are attacker-controlled.
 *
 * @throws {RpcFault} INVALID_ARGUMENT when they are no such message
 */
export function decodeMessage<M extends DescMessage>(schema: M, bytes: Uint8Array): MessageShape<M> {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new RpcFault('INVALID_ARGUMENT', `The request is not a valid ${schema.typeName} message.`, { cause })
  }
}

/** Writes what a handler returned, as the buffer that grpc-js wants. */
export function encodeMessage(schema: DescMessage, message: object): Buffer {
  const bytes = toBinary(schema, create(schema, message as never))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
