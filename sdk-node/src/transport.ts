import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { CallAbortedError } from '@capiscio/proto/sdk'
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { throwIfAborted } from './abort-signal.ts'
import type { CoreAddress } from './core-address.ts'
import type { CoreSecurity } from './core-security.ts'
import { NO_SECURITY } from './core-security.ts'
import { errorFromStatus } from './status-error.ts'

/** Options of one call. */
export interface UnaryOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the call is given up. */
  readonly timeoutMs: number
  /** Values that must not appear in an error. */
  readonly secrets?: readonly string[]
  /** Wait for a core that does not listen yet, instead of failing at once. Default false. */
  readonly waitForReady?: boolean
}

/** One connection to one core. */
export interface UnaryTransport {
  /** The core, for messages. */
  readonly label: string
  /** Calls once. Rejects with a `CapiscioError`. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>>
  /** Closes the connection. Calls under way fail. */
  close(): void
}

/**
 * Connects over HTTP/2, lazily. An idle connection does not keep the process alive.
 *
 * @param security What `checkSecurity` found fit for the address.
 */
export function createTransport(address: CoreAddress, security: CoreSecurity = NO_SECURITY): UnaryTransport {
  const client = new Client(
    address.target,
    channelCredentials(address, security),
    channelOptions(address, security.serverName),
  )
  // Who reaches a Unix socket needs no token.
  const token = address.kind === 'unix' ? undefined : security.token

  function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>> {
    const { signal, timeoutMs, waitForReady = false } = options
    const secrets = [...(options.secrets ?? []), ...(token === undefined ? [] : [token])]
    const metadata = new Metadata({ waitForReady })
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
    return new Promise((resolve, reject) => {
      throwIfAborted(signal)
      const onAbort = (): void => call.cancel()
      const call = client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        toBinary(method.input, request),
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          signal?.removeEventListener('abort', onAbort)
          if (response !== undefined && error === null) resolve(response)
          else if (signal?.aborted === true) reject(new CallAbortedError(signal.reason))
          else if (error !== null) {
            reject(errorFromStatus(error, { core: address.label, method: method.name, timeoutMs, secrets }))
          }
        },
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  return { label: address.label, unary, close: () => client.close() }
}

function channelCredentials(address: CoreAddress, { ca, cert, key }: CoreSecurity): ChannelCredentials {
  if (address.kind !== 'tls') return credentials.createInsecure()
  // Said here, so that it hangs neither on a default nor on NODE_TLS_REJECT_UNAUTHORIZED in the environment.
  return credentials.createSsl(ca ?? null, key ?? null, cert ?? null, { rejectUnauthorized: true })
}

function channelOptions(address: CoreAddress, serverName: string | undefined): ChannelOptions {
  return {
    ...(serverName !== undefined && { 'grpc.ssl_target_name_override': serverName }),
    // A decision leaves a record: it must not be asked twice because an answer got lost.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    // Without TLS an HTTP proxy from the environment would see every credential.
    'grpc.enable_http_proxy': address.kind === 'tls' ? 1 : 0,
    // A core that was restarted is found again soon.
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.use_local_subchannel_pool': 1,
  }
}
