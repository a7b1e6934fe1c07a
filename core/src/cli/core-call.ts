import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { Client, type ServiceError, status } from '@grpc/grpc-js'
import { CoreAddressRefused, toCoreConnection } from './core-connection.ts'

/** The core gave no answer. The message says what to do. */
export class CoreUnreachable extends Error {
  override readonly name = 'CoreUnreachable'
  /** What the call ended with; undefined when none was made. */
  readonly code: status | undefined

  constructor(message: string, { cause, code }: { readonly cause: unknown; readonly code?: status | undefined }) {
    super(message, { cause })
    this.code = code
  }
}

export interface CoreCallOptions {
  /** `host:port`, `unix:/path` or `https://host:port`. */
  readonly address: string
  /** For the variables that say how a core is verified and what it is shown. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
  /** For operators' calls; sent in the place of any other token, and never beyond this machine without TLS. */
  readonly adminToken?: string | undefined
}

/** One unary call to a running core. The request is empty unless it is given. */
export async function callCore<Input extends DescMessage, Output extends DescMessage>(
  path: string,
  input: Input,
  output: Output,
  { address, env, timeoutMs, adminToken }: CoreCallOptions,
  request?: MessageInitShape<Input>,
): Promise<MessageShape<Output>> {
  const shown = adminToken === undefined ? env : { ...env, CAPISCIO_CORE_TOKEN: adminToken }
  const { target, channel, options, metadata } = connect(address, shown)
  const client = new Client(target, channel, options)
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => fromBinary(output, bytes),
        Buffer.from(toBinary(input, create(input, request))),
        metadata,
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

function connect(address: string, env: CoreCallOptions['env']): ReturnType<typeof toCoreConnection> {
  try {
    return toCoreConnection(address, env)
  } catch (refused) {
    if (!(refused instanceof CoreAddressRefused)) throw refused
    throw new CoreUnreachable(refused.message, { cause: refused })
  }
}

function explain(error: ServiceError | null, address: string): CoreUnreachable {
  if (error?.code === status.UNAVAILABLE && /certificate|altname|SSL|TLS/.test(error.details)) {
    return new CoreUnreachable(
      `The core at ${address} was reached, and not trusted or not convinced: ${error.details} Look at CAPISCIO_CORE_TLS_CA, _CERT, _KEY and _SERVER_NAME.`,
      { cause: error },
    )
  }
  if (error?.code === status.UNAVAILABLE || error?.code === status.DEADLINE_EXCEEDED) {
    return new CoreUnreachable(
      `No core answers at ${address}: start one with "capiscio serve" or "capiscio dev", or set CAPISCIO_CORE_ADDR.`,
      { cause: error },
    )
  }
  const answer = error === null ? 'nothing' : `${status[error.code]}: ${error.details.replace(/\.$/, '')}`
  return new CoreUnreachable(`The core at ${address} answered ${answer}.`, { cause: error, code: error?.code })
}
