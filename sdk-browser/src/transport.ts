import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf'
import { withLimits } from '@capiscio/proto/sdk'
import type { Transport } from '@connectrpc/connect'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web'
import { throwIfAborted } from './abort-signal.ts'
import type { Fetch } from './core-fetch.ts'
import { createCoreFetch } from './core-fetch.ts'
import { timeoutError, toCapiscioError } from './status-error.ts'

/** How calls are put into HTTP. Both reach the same methods. */
export type Protocol = 'connect' | 'grpc-web'

/** Options of one call. */
export interface UnaryOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the call is given up. */
  readonly timeoutMs: number
  /** Values that must not appear in an error. */
  readonly secrets?: readonly string[]
}

/** One core. Nothing is held between calls but what the browser keeps. */
export interface UnaryTransport {
  /** The core, for messages. */
  readonly label: string
  /** Calls once. Rejects with a `CapiscioError`. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>>
}

/** Longest time that the header `grpc-timeout` can say, in milliseconds: it has eight digits. */
const MAX_HEADER_TIMEOUT_MS = 99_999_999

const PROTOCOLS: Readonly<Record<Protocol, (options: { baseUrl: string; fetch: typeof fetch }) => Transport>> = {
  connect: (options) => createConnectTransport({ ...options, useBinaryFormat: true }),
  'grpc-web': (options) => createGrpcWebTransport({ ...options, useBinaryFormat: true }),
}

/** @throws TypeError unless the value names a protocol. */
export function requireProtocol(value: unknown): asserts value is Protocol {
  if (typeof value !== 'string' || !Object.hasOwn(PROTOCOLS, value)) {
    throw new TypeError(`protocol must be one of ${Object.keys(PROTOCOLS).join(', ')}.`)
  }
}

/**
 * @param url As `parseBaseUrl` decided it.
 * @param token Sent with every call.
 */
export function createTransport(
  url: string,
  protocol: Protocol,
  fetch: Fetch | undefined,
  token?: string | undefined,
): UnaryTransport {
  const wire = PROTOCOLS[protocol]({ baseUrl: url, fetch: createCoreFetch(fetch) })

  async function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>> {
    const { signal, timeoutMs } = options
    const secrets = [...(options.secrets ?? []), ...(token === undefined ? [] : [token])]
    const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` }
    throwIfAborted(signal)
    const attempt = { core: url, method: method.name, timeoutMs, secrets }
    const giveUp = new AbortController()
    const headerTimeoutMs = Math.min(timeoutMs, MAX_HEADER_TIMEOUT_MS)
    try {
      const call = wire.unary(method, giveUp.signal, headerTimeoutMs, headers, request as never)
      const { message } = await withLimits(call, { signal, timeoutMs }, () => timeoutError(attempt))
      return message
    } catch (thrown) {
      throw toCapiscioError(thrown, attempt)
    } finally {
      // Whatever still runs then is a call that nobody waits for.
      giveUp.abort()
    }
  }

  return { label: url, unary }
}
