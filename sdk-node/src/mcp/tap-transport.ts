import { isRequest, isResult, type McpMessage, type McpRequest } from '@capiscio/proto/mcp'
import type { TransportLike } from './transport-like.ts'

/** What happens to the messages of one connection. All of it is optional. */
export interface Tap {
  /** Sees each message that comes in. Whatever is thrown is the sender's problem, not the connection's. */
  readonly onInbound?: (message: McpMessage) => void
  /**
   * May keep back what the other side asks, until the promise resolves. When it rejects, the
   * request was never received.
   */
  readonly holdInbound?: (request: McpRequest) => Promise<void> | undefined
  /**
   * May replace a result that goes out, knowing the request that it answers. Anything else
   * passes untouched: errors must reach the transport while it still knows their HTTP status.
   * Leave results alone by returning `undefined`; answer later only where nobody minds.
   */
  readonly onResult?: (
    result: Readonly<Record<string, unknown>>,
    request: McpRequest,
  ) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>> | undefined
  /** The connection has ended. May be called more than once. */
  readonly onClose?: () => void
  /** May replace or hold back what this side asks. */
  readonly onRequest?: (request: McpRequest) => McpRequest | Promise<McpRequest> | undefined
}

/**
 * The same transport, listened to. The SDKs look at the real object (its class, its members,
 * whether it has a process id), so it stays visible; only `send`, `onmessage` and `onclose` are ours.
 */
export function tapTransport<T extends TransportLike>(target: T, tap: Tap): T {
  /** Requests from the other side that are not answered yet. */
  const open = new Map<unknown, McpRequest>()
  /** Ids of requests of this side that are kept back. */
  const kept = new Set<unknown>()
  let sink: TransportLike['onmessage']

  function receive(message: McpMessage, extra?: unknown): void {
    if (isRequest(message)) open.set(message.id, message)
    // A cancelled request is never answered.
    else if (message.method === 'notifications/cancelled') open.delete(cancelledId(message))
    tap.onInbound?.(message)
    const held = isRequest(message) ? tap.holdInbound?.(message) : undefined
    if (held === undefined) sink?.(message, extra)
    else
      held.then(
        // Not after its own cancellation: whoever cancelled it would be told nothing of what it did.
        () => (open.get(message.id) === message ? sink?.(message, extra) : undefined),
        () => undefined,
      )
  }

  function send(message: McpMessage, options?: unknown): Promise<void> {
    // A request that was kept back so far is not sent any more, and nobody has to be told.
    if (message.method === 'notifications/cancelled' && kept.delete(cancelledId(message))) return Promise.resolve()
    const changed = isRequest(message) ? tap.onRequest?.(message) : answered(message)
    if (!(changed instanceof Promise)) return target.send(changed ?? message, options)
    if (!isRequest(message)) return changed.then((late) => target.send(late, options))
    const { id } = message
    kept.add(id)
    return changed.then(
      (late) => (kept.delete(id) ? target.send(late, options) : undefined),
      (error) => {
        kept.delete(id)
        throw error
      },
    )
  }

  function answered(message: McpMessage): McpMessage | Promise<McpMessage> | undefined {
    const isReply = message.method === undefined && message.id !== undefined
    const request = isReply ? open.get(message.id) : undefined
    if (request === undefined) return undefined
    open.delete(message.id)
    if (!isResult(message)) return undefined
    const result = tap.onResult?.(message.result, request)
    if (result instanceof Promise) return result.then((late) => ({ ...message, result: late }))
    return result && { ...message, result }
  }

  return new Proxy(target, {
    get(_, name) {
      if (name === 'onmessage') return sink
      if (name === 'send') return send
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'constructor' ? value.bind(target) : value
    },
    set(_, name, value) {
      if (name === 'onclose' && typeof value === 'function') {
        target.onclose = () => {
          tap.onClose?.()
          value()
        }
        return true
      }
      if (name !== 'onmessage') return Reflect.set(target, name, value, target)
      sink = value
      target.onmessage = value === undefined ? undefined : receive
      return true
    },
  })
}

function cancelledId({ params }: McpMessage): unknown {
  return typeof params === 'object' && params !== null ? Reflect.get(params, 'requestId') : undefined
}
