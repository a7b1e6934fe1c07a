import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'

/** A bare gRPC client for tests: no retries, no interpretation, the status as it came. */
export interface RawClient extends Disposable {
  call<M extends DescMethodUnary>(method: M, request: MessageInitShape<M['input']>): Promise<MessageShape<M['output']>>
  /** Sends bytes as they are. Rejects with the `ServiceError`. */
  callBytes(path: string, bytes: Uint8Array): Promise<Uint8Array>
}

export function createRawClient(address: string): RawClient {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.max_send_message_length': -1,
    // One connection per client, not one per address and process.
    'grpc.use_local_subchannel_pool': 1,
  })
  const callBytes = (path: string, bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      const pass = (value: Buffer): Buffer => value
      client.makeUnaryRequest(path, pass, pass, Buffer.from(bytes), (error: ServiceError | null, answer?: Buffer) => {
        if (answer !== undefined) resolve(answer)
        else reject(error)
      })
    })
  return {
    callBytes,
    async call(method, request) {
      const path = `/${method.parent.typeName}/${method.name}`
      const bytes = toBinary(method.input, create(method.input, request))
      return fromBinary(method.output, await callBytes(path, bytes)) as never
    },
    [Symbol.dispose]: () => client.close(),
  }
}
