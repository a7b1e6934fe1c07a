import {
  attachReceipt,
  CallerConflict,
  type CallerSources,
  type ClaimedCredential,
  type Disclosure,
  denialResult,
  discloseIdentity,
  filterListing,
  findCaller,
  type HandshakeMethod,
  isHandshake,
  isModern,
  isNotification,
  isObject,
  isRequest,
  isResult,
  listedTools,
  type McpMessage,
  type McpRequest,
  type Members,
  own,
  receiptOf,
  toolCallOf,
  withoutCaller,
} from '@capiscio/proto/mcp'
import type { AllowedToolAccess } from '@capiscio/proto/sdk'
import type { ToolDecider } from './tool-decider.ts'

/** What becomes of one message of the client. */
export type Passage =
  /** It goes to the server as given here. */
  | { readonly forward: McpMessage }
  /** It goes no further, and this is its answer. */
  | { readonly answer: McpMessage }
  /** It goes no further, and nobody waits for an answer. */
  | { readonly drop: true }

export interface MessageGuardOptions {
  readonly decider: ToolDecider
  /** Whom a client is that shows no credential itself. */
  readonly defaultCaller?: ClaimedCredential | undefined
  /** What the server says about itself; absent: nothing is added. */
  readonly disclose?: ((request: McpRequest & { readonly method: HandshakeMethod }) => Promise<Disclosure>) | undefined
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number
}

/**
 * Guards the messages of one connection between a client and an MCP server that knows nothing
 * of it, in both eras. The transport is somebody else's.
 */
export interface MessageGuard {
  /** @param sources where the transport found a credential besides `_meta` */
  fromClient(message: McpMessage, sources?: Pick<CallerSources, 'header' | 'bearerIsBadge'>): Promise<Passage>
  /** What the client gets in place of a message of the server. */
  fromServer(message: McpMessage): Promise<McpMessage>
}

/** A request that the server has, and what is needed when it answers. */
interface Open {
  readonly request: McpRequest
  readonly caller: ClaimedCredential | undefined
  readonly access?: AllowedToolAccess
  readonly startedMs: number
}

/** No badge: the core denies it and records that the caller contradicted itself. */
const CONFLICTING: ClaimedCredential = { kind: 'badge', secret: 'conflicting-credentials' }

/** JSON-RPC. */
const INVALID_REQUEST = -32_600

export function createMessageGuard(options: MessageGuardOptions): MessageGuard {
  const { decider, defaultCaller, disclose, monotonicMs } = options
  const open = new Map<unknown, Open>()
  /** Calls that wait for their decision. */
  const held = new Map<unknown, AbortController>()

  function cancel(message: McpMessage): Passage {
    const id = isObject(message.params) ? own(message.params, 'requestId') : undefined
    const waiting = held.get(id)
    if (waiting === undefined) {
      open.delete(id)
      return { forward: message }
    }
    // The server never heard of the call, so it need not hear of its end.
    waiting.abort()
    return { drop: true }
  }

  function callerOf(request: McpRequest, sources: Pick<CallerSources, 'header' | 'bearerIsBadge'>) {
    try {
      return { caller: findCaller({ meta: own(paramsOf(request), '_meta'), ...sources }) ?? defaultCaller }
    } catch (error) {
      if (!(error instanceof CallerConflict)) throw error
      return { caller: CONFLICTING, conflict: error.message }
    }
  }

  async function decide(
    request: McpRequest,
    forward: McpMessage,
    { caller, conflict }: { caller: ClaimedCredential | undefined; conflict?: string },
  ): Promise<Passage> {
    const call = toolCallOf(request)
    if (call === undefined) return refuse(request, 'tools/call must name its tool.')
    const hold = new AbortController()
    held.set(request.id, hold)
    try {
      const access = await decider.decide(call.name, call.arguments, caller, hold.signal)
      if (hold.signal.aborted) return { drop: true }
      if (access.outcome !== 'ALLOW') {
        const denied = denialResult({ ...access, message: conflict ?? access.message }, isModern(request))
        return { answer: { jsonrpc: '2.0', id: request.id, result: denied } }
      }
      open.set(request.id, { request, caller, access, startedMs: monotonicMs() })
      return { forward }
    } catch {
      // Without a decision nothing runs; what went wrong is in the core's log.
      return hold.signal.aborted ? { drop: true } : { answer: undecided(request) }
    } finally {
      held.delete(request.id)
    }
  }

  return {
    async fromClient(message, sources = {}) {
      if (isNotification(message))
        return message.method === 'notifications/cancelled' ? cancel(message) : { forward: message }
      if (!isRequest(message)) return { forward: message }
      if (open.has(message.id) || held.has(message.id)) return refuse(message, 'This id is in use by another request.')
      const found = callerOf(message, sources)
      // Whoever serves the tools needs no credential of their callers.
      const forward = { ...message, params: withoutCaller(message.params) }
      if (message.method === 'tools/call') return decide(message, forward, found)
      if (message.method === 'tools/list' || isHandshake(message.method)) {
        open.set(message.id, { request: message, caller: found.caller, startedMs: monotonicMs() })
      }
      return { forward }
    },

    async fromServer(message) {
      const known = message.method === undefined ? open.get(message.id) : undefined
      if (known === undefined) return message
      open.delete(message.id)
      const { request, caller, access, startedMs } = known
      const result = isResult(message) ? message.result : undefined
      if (access !== undefined) {
        decider.ended(access, result === undefined || result.isError === true, monotonicMs() - startedMs)
        return result === undefined ? message : { ...message, result: attachReceipt(result, receiptOf(access)) }
      }
      if (result === undefined) return message
      const { method } = request
      if (method === 'tools/list') return { ...message, result: await listed(result, caller) }
      if (isHandshake(method) && disclose !== undefined) {
        return { ...message, result: discloseIdentity(result, await disclose({ ...request, method })) }
      }
      return message
    },
  }

  async function listed(result: Members, caller: ClaimedCredential | undefined): Promise<Members> {
    // Without an answer nothing is shown: a listing promises what a call may do.
    const allowed = await decider.allowed(listedTools(result), caller).catch(() => new Set<string>())
    return filterListing(result, (name) => allowed.has(name))
  }
}

function paramsOf({ params }: McpRequest): Members {
  return isObject(params) ? params : {}
}

function refuse(request: McpRequest, message: string): Passage {
  return { answer: { jsonrpc: '2.0', id: request.id, error: { code: INVALID_REQUEST, message } } }
}

function undecided(request: McpRequest): McpMessage {
  const denied = {
    code: 'INTERNAL',
    reason: 'INTERNAL',
    message: 'There was no decision, so the tool did not run.',
    evidenceId: undefined,
  } as const
  return { jsonrpc: '2.0', id: request.id, result: denialResult(denied, isModern(request)) }
}
