import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageShape,
} from '@bufbuild/protobuf'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Status as RpcStatus } from '@capiscio/proto/google/rpc'
import type { CapiscioError } from '@capiscio/proto/sdk'
import { CallAbortedError, CoreConnectionError } from '@capiscio/proto/sdk'
import type { ChannelCredentials, ChannelOptions, ServiceError, StatusObject } from '@grpc/grpc-js'
import { Client, credentials, Metadata, status as StatusCode } from '@grpc/grpc-js'
import { throwIfAborted } from './abort-signal.ts'
import type { CoreAddress } from './core-address.ts'
import type { CoreSecurity } from './core-security.ts'
import { NO_SECURITY } from './core-security.ts'
import { errorFromRpcStatus, errorFromStatus } from './status-error.ts'

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

/** Makes the error for one who waits for a call that failed. */
export type FailureFor = (waiting: { readonly timeoutMs: number; readonly secrets: readonly string[] }) => CapiscioError

/** What becomes of a stream. */
export interface StreamEvents<O extends DescMessage> {
  readonly onMessage: (message: MessageShape<O>) => void
  /** Last, and once. Without a failure the core ended the stream in order. */
  readonly onEnd: (failure: FailureFor | undefined) => void
}

/** One open stream of messages in both directions. */
export interface MessageStream {
  /** Sends one encoded message. `onTaken` is called when the next may follow. */
  send(bytes: Uint8Array, onTaken: () => void): void
  /** Sends no more. What was sent is still answered. */
  finish(): void
  /** Ends it at once. */
  cancel(): void
}

/** Calls with one message each way. */
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

/** One connection to one core. */
export interface CoreTransport extends UnaryTransport {
  /** Opens a stream. It has no time limit and never throws: what goes wrong is its end. */
  openStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    events: StreamEvents<O>,
  ): MessageStream
  /** The error for a status that came inside a message. */
  failure(method: string, status: RpcStatus): FailureFor
}

/**
 * Connects over HTTP/2, lazily. An idle connection does not keep the process alive.
 *
 * @param security What `checkSecurity` found fit for the address.
 */
export function createTransport(address: CoreAddress, security: CoreSecurity = NO_SECURITY): CoreTransport {
  const client = new Client(
    address.target,
    channelCredentials(address, security),
    channelOptions(address, security.serverName),
  )
  // Who reaches a Unix socket needs no token.
  const token = address.kind === 'unix' ? undefined : security.token
  const ownSecrets = token === undefined ? [] : [token]
  let isClosed = false
  // The library throws an error of its own then, which belongs to nobody's contract.
  const closedError = (): CapiscioError =>
    new CoreConnectionError(`The connection to the core at ${address.label} was closed; the tool was not run.`)

  function callMetadata(waitForReady: boolean): Metadata {
    const metadata = new Metadata({ waitForReady })
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
    return metadata
  }

  function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>> {
    if (isClosed) return Promise.reject(closedError())
    const { signal, timeoutMs, waitForReady = false } = options
    const secrets = [...(options.secrets ?? []), ...ownSecrets]
    return new Promise((resolve, reject) => {
      throwIfAborted(signal)
      const onAbort = (): void => call.cancel()
      const call = client.makeUnaryRequest(
        pathOf(method),
        asBuffer,
        (bytes: Buffer) => fromBinary(method.output, bytes),
        toBinary(method.input, request),
        callMetadata(waitForReady),
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

  function openStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    { onMessage, onEnd }: StreamEvents<O>,
  ): MessageStream {
    if (isClosed) {
      queueMicrotask(() => onEnd(closedError))
      return { send: () => {}, finish: () => {}, cancel: () => {} }
    }
    const call = client.makeBidiStreamRequest(
      pathOf(method),
      asBuffer,
      (bytes: Buffer) => fromBinary(method.output, bytes),
      callMetadata(false),
    )
    const failureOf =
      (error: ServiceError): FailureFor =>
      ({ timeoutMs, secrets }) =>
        errorFromStatus(error, {
          core: address.label,
          method: method.name,
          timeoutMs,
          secrets: [...secrets, ...ownSecrets],
        })
    // The last messages may be read after the status is known, and the end of reading comes after them.
    let ended: StatusObject | undefined
    let isRead = false
    const endIfOver = (): void => {
      if (ended === undefined || !isRead) return
      onEnd(ended.code === StatusCode.OK ? undefined : failureOf(Object.assign(new Error(ended.details), ended)))
    }
    call.on('data', onMessage)
    call.on('end', () => {
      isRead = true
      endIfOver()
    })
    call.on('status', (status: StatusObject) => {
      ended = status
      endIfOver()
    })
    // The same news as the status.
    call.on('error', () => {})
    return {
      send: (bytes, onTaken) => void call.write(bytes, onTaken),
      finish: () => void call.end(),
      cancel: () => call.cancel(),
    }
  }

  const failure =
    (method: string, status: RpcStatus): FailureFor =>
    ({ timeoutMs, secrets }) =>
      errorFromRpcStatus(status, {
        core: address.label,
        method,
        timeoutMs,
        secrets: [...secrets, ...ownSecrets],
      })

  function close(): void {
    isClosed = true
    client.close()
  }

  return { label: address.label, unary, openStream, failure, close }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
