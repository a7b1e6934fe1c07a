import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'

/** A bare gRPC client for tests: no retries, no interpretation, the status as it came. */
export interface RawClient extends Disposable {
  call<M extends DescMethodUnary>(method: M, request: MessageInitShape<M['input']>): Promise<MessageShape<M['output']>>
  /** Sends bytes as they are. Rejects with the `ServiceError`. */
  callBytes(path: string, bytes: Uint8Array): Promise<Uint8Array>
}

export interface RawClientOptions {
  /** Default: plaintext. */
  readonly channel?: ChannelCredentials
  /** Sent with every call as they are. */
  readonly headers?: Readonly<Record<string, string>>
}

export function createRawClient(address: string, { channel, headers = {} }: RawClientOptions = {}): RawClient {
  const client = new Client(address, channel ?? credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.max_send_message_length': -1,
    // One connection per client, not one per address and process.
    'grpc.use_local_subchannel_pool': 1,
  })
  const callBytes = (path: string, bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      const pass = (value: Buffer): Buffer => value
      const metadata = Metadata.fromHttp2Headers(headers)
      const done = (error: ServiceError | null, answer?: Buffer): void => {
        if (answer !== undefined) resolve(answer)
        else reject(error)
      }
      client.makeUnaryRequest(path, pass, pass, Buffer.from(bytes), metadata, done)
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
