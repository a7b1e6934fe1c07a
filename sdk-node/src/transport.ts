import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { CallAbortedError } from '@capiscio/proto/sdk'
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { throwIfAborted } from './abort-signal.ts'
import type { CoreAddress } from './core-address.ts'
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
 * @param rootCertificates PEM of the certificate authorities to trust instead of Node's own, for TLS.
 */
export function createTransport(address: CoreAddress, rootCertificates?: Uint8Array): UnaryTransport {
  const client = new Client(address.target, channelCredentials(address, rootCertificates), channelOptions(address))

  function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>> {
    const { signal, timeoutMs, secrets = [], waitForReady = false } = options
    return new Promise((resolve, reject) => {
      throwIfAborted(signal)
      const onAbort = (): void => call.cancel()
      const call = client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        toBinary(method.input, request),
        new Metadata({ waitForReady }),
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

function channelCredentials(address: CoreAddress, rootCertificates: Uint8Array | undefined): ChannelCredentials {
  if (address.kind !== 'tls') return credentials.createInsecure()
  const roots = rootCertificates === undefined ? null : Buffer.from(rootCertificates)
  // Said here, so that it hangs neither on a default nor on NODE_TLS_REJECT_UNAUTHORIZED in the environment.
  return credentials.createSsl(roots, null, null, { rejectUnauthorized: true })
}

function channelOptions(address: CoreAddress): ChannelOptions {
  return {
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
