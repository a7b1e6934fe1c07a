import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'

/** The core gave no answer. The message says what to do. */
export class CoreUnreachable extends Error {
  override readonly name = 'CoreUnreachable'
}

export interface CoreCallOptions {
  /** `host:port` or `unix:/path`. */
  readonly address: string
  readonly timeoutMs: number
}

/** One unary call to a running core, with an empty request. */
export async function callCore<Input extends DescMessage, Output extends DescMessage>(
  path: string,
  input: Input,
  output: Output,
  { address, timeoutMs }: CoreCallOptions,
): Promise<MessageShape<Output>> {
  const client = new Client(address.replace(/^unix:\/\//, 'unix:'), credentials.createInsecure())
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => fromBinary(output, bytes),
        Buffer.from(toBinary(input, create(input))),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: MessageShape<Output>) => {
          if (response !== undefined) resolve(response)
          else reject(explain(error, address))
        },
      )
    })
  } finally {
    client.close()
  }
}

function explain(error: ServiceError | null, address: string): CoreUnreachable {
  if (error?.code === status.UNAVAILABLE || error?.code === status.DEADLINE_EXCEEDED) {
    return new CoreUnreachable(
      `No core answers at ${address}: start one with "capiscio serve" or "capiscio dev", or set CAPISCIO_CORE_ADDR.`,
      { cause: error },
    )
  }
  return new CoreUnreachable(`The core at ${address} answered ${error?.message ?? 'nothing'}.`, { cause: error })
}
