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
  folded,
  type HandshakeMethod,
  IDENTITY_META_NAMES,
  isHandshake,
  isModern,
  isObject,
  isResult,
  kindOf,
  listedTools,
  type McpMessage,
  type McpRequest,
  type Members,
  type MessageKind,
  metaOf,
  own,
  plainMessage,
  toolCallOf,
  wantsProof,
  withoutCaller,
} from '@capiscio/proto/mcp'
import type { AllowedToolAccess } from '@capiscio/proto/sdk'
import { invalid, noMethod, noTask, tooDeepAnswer, undecided } from './guard-answers.ts'
import { isTooDeep } from './message-depth.ts'
import { createOpenRequests } from './open-requests.ts'
import { createTaskOwners, type TaskOwners } from './task-owners.ts'
import type { ToolDecider } from './tool-decider.ts'

/** What becomes of one message of the client. */
export type Passage =
  /** It goes to the server as given here. `access` is there for a tool call. */
  | { readonly forward: McpMessage; readonly access?: AllowedToolAccess }
  /** It goes no further, and this is its answer. */
  | { readonly answer: McpMessage }
  /** It goes no further, and nobody waits for an answer. */
  | { readonly drop: true }

export interface MessageGuardOptions {
  readonly decider: ToolDecider
  /** Whom a client is that shows no credential itself. */
  readonly defaultCaller?: ClaimedCredential | undefined
  /** Shared by the guards of one server. Default: this guard's own. */
  readonly tasks?: TaskOwners | undefined
  /** What the server says about itself; absent: nothing is added. */
  readonly disclose?: ((request: McpRequest & { readonly method: HandshakeMethod }) => Promise<Disclosure>) | undefined
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number
}

/**
 * Guards the messages of one connection between a client and an MCP server that knows nothing
 * of it, in both eras. The transport is somebody else's.
 *
 * Only what is understood passes: a message that is no JSON-RPC, a call that nobody could
 * answer, and a reply that nobody waits for go no further, whatever the other side makes of them.
 */
export interface MessageGuard {
  fromClient(message: McpMessage, client?: ClientSide): Promise<Passage>
  /** What the client gets in place of a message of the server; `undefined` for nothing. */
  fromServer(message: McpMessage): Promise<McpMessage | undefined>
  /** Resolves when no request waits for the server any more, subscriptions and cancelled ones aside. */
  idle(): Promise<void>
  /**
   * The server answers no more: every call without an answer has failed, in the evidence too, and
   * one that waits for its decision never runs.
   */
  giveUp(): void
}

/** What a transport knows of the client besides the message. */
export interface ClientSide extends Pick<CallerSources, 'header' | 'bearerIsBadge'> {
  /** Aborted when the client has gone: a call that waits for its decision then never runs. */
  readonly signal?: AbortSignal
}

/** Longest id, longest credential that a listing is kept with, and longest value of ours in a handshake. */
const MAX_ID_LENGTH = 1024
const MAX_SECRET_LENGTH = 16 * 1024
const MAX_VALUE_LENGTH = 1024

/** No badge: the core denies it and records that the caller contradicted itself. */
const CONFLICTING: ClaimedCredential = { kind: 'badge', secret: 'conflicting-credentials' }

/** What is asked about a task, by its name. */
const TASK_METHODS = ['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel']

export function createMessageGuard(options: MessageGuardOptions): MessageGuard {
  const { decider, defaultCaller, disclose, tasks = createTaskOwners(), monotonicMs } = options
  const open = createOpenRequests()

  function fromNotification(message: McpMessage): Passage {
    // Requests without an id would run unseen where a server is lenient.
    if (!String(message.method).startsWith('notifications/')) return { drop: true }
    const forward = plainMessage({ ...message, params: withoutCaller(message.params) })
    if (message.method !== 'notifications/cancelled') return { forward }
    const id = isObject(message.params) ? own(message.params, 'requestId') : undefined
    return open.cancel(id) ? { forward } : { drop: true }
  }

  function callerOf(request: McpRequest, client: ClientSide) {
    try {
      return { caller: findCaller({ meta: own(paramsOf(request), '_meta'), ...client }) ?? defaultCaller }
    } catch (error) {
      if (!(error instanceof CallerConflict)) throw error
      return { caller: CONFLICTING, conflict: error.message }
    }
  }

  async function decide(
    request: McpRequest,
    forward: McpMessage,
    { caller, conflict }: { caller: ClaimedCredential | undefined; conflict?: string },
    gone: AbortSignal | undefined,
  ): Promise<Passage> {
    const call = toolCallOf(request)
    if (call === undefined) return refuse(request, 'tools/call must name its tool, once.')
    const passage = await open.hold<Passage>(request.id, gone, { drop: true }, async (signal) => {
      const access = await decider.decide(call.name, call.arguments, caller, signal)
      if (signal.aborted) return { drop: true }
      // Fetched while the tool runs.
      const proof = wantsProof(metaOf(request)) ? decider.proof(access) : undefined
      if (access.outcome !== 'ALLOW') {
        const denied = denialResult({ ...access, message: conflict ?? access.message }, isModern(request))
        return { answer: { jsonrpc: '2.0', id: request.id, result: attachReceipt(denied, access, await proof) } }
      }
      open.add({ id: request.id, access, proof, startedMs: monotonicMs() })
      return { forward, access }
    })
    return passage ?? { answer: undecided(request) }
  }

  /** A task is for whoever began it: what it gives is what a tool gave. */
  async function aboutTask(
    request: McpRequest,
    forward: McpMessage,
    caller: ClaimedCredential | undefined,
    gone: AbortSignal | undefined,
  ): Promise<Passage> {
    const { id, method } = request
    const params = paramsOf(request)
    const isList = method === 'tasks/list'
    const isNamedTwice = Object.keys(params).some((name) => name !== 'taskId' && folded(name) === 'taskid')
    // The modern era has no `tasks/result`, and what is not known here may give what a tool gave.
    const isKnown = isList || (TASK_METHODS.includes(method) && !(isModern(request) && method === 'tasks/result'))
    if (!isKnown) return { answer: noMethod(id) }
    if (isNamedTwice) return { answer: noTask(id) }
    const passage = await open.hold<Passage>(id, gone, { drop: true }, async (signal) => {
      const principal = await decider.principal(caller, signal)
      if (signal.aborted) return { drop: true }
      const mayAsk = principal !== undefined && (isList || tasks.belongs(own(params, 'taskId'), principal))
      if (!mayAsk) return { answer: noTask(id) }
      const tasksOf = isList ? principal : undefined
      open.add({ id, tasksOf, startedMs: monotonicMs() })
      return { forward }
    })
    return passage ?? { answer: noTask(id) }
  }

  return {
    async fromClient(message, client = {}) {
      const kind = kindOf(message)
      if (kind === undefined)
        return { answer: invalid(null, 'The message is no JSON-RPC request, notification or reply.') }
      if (isTooDeep(message)) return refuseDepth(message, kind)
      if (kind === 'notification') return fromNotification(message)
      if (kind === 'reply') return { forward: plainMessage(message) }
      return fromRequest(message as McpRequest, client)
    },

    async fromServer(given) {
      const kind = kindOf(given)
      if (kind === undefined) return undefined
      const isDeep = isTooDeep(given)
      if (kind !== 'reply') return isDeep ? undefined : given
      const message = isDeep ? tooDeepAnswer(given) : given
      const known = open.answered(message.id)
      // An error without an id answers a line that the server could not read.
      if (known === undefined) return message.id === null ? message : undefined
      const { handshake, listedFor, tasksOf, access, proof, startedMs, isCancelled } = known
      const result = isResult(message) ? message.result : undefined
      if (access !== undefined)
        decider.ended(access, result === undefined || result.isError === true, monotonicMs() - startedMs, result)
      if (access !== undefined && result !== undefined) tasks.began(result, access.principal ?? '')
      if (isCancelled) return undefined
      // A result that is no object is nobody's to pass on: it could not be looked through.
      if (result === undefined) return message.error === undefined ? { ...message, result: {} } : message
      if (tasksOf !== undefined) return { ...message, result: tasks.listed(result, tasksOf) }
      if (access !== undefined) return { ...message, result: attachReceipt(result, access, await proof) }
      if (listedFor !== undefined) return { ...message, result: await listed(result, listedFor.caller) }
      if (handshake !== undefined && disclose !== undefined) {
        return { ...message, result: discloseIdentity(result, await disclose(handshake)) }
      }
      return message
    },

    idle: open.idle,

    giveUp() {
      for (const { access, startedMs } of open.clear()) {
        if (access !== undefined) decider.ended(access, true, monotonicMs() - startedMs)
      }
    },
  }

  async function fromRequest(request: McpRequest, client: ClientSide): Promise<Passage> {
    const { id, method } = request
    if (String(id).length > MAX_ID_LENGTH) return refuse(request, 'The id is too long.')
    if (open.isTaken(id)) return refuse(request, 'This id is in use by another request.')
    if (open.isFull()) return refuse(request, 'Too many requests wait for an answer.')
    // A server that is lenient about names would run it undecided, or list everything.
    const name = folded(method)
    if (name !== method && (name === 'tools/call' || name === 'tools/list' || name.startsWith('tasks/'))) {
      return refuse(request, `Unknown method. Write "${name}".`)
    }
    const found = callerOf(request, client)
    // Whoever serves the tools needs no credential of their callers.
    const forward = plainMessage({ ...request, params: withoutCaller(request.params) })
    if (method === 'tools/call') return decide(request, forward, found, client.signal)
    if (method.startsWith('tasks/')) return aboutTask(request, forward, found.caller, client.signal)
    open.add({
      id,
      handshake: isHandshake(method) ? handshakeOf(request, method) : undefined,
      listedFor: method === 'tools/list' ? { caller: bounded(found.caller) } : undefined,
      isSubscription: method === 'subscriptions/listen',
      startedMs: monotonicMs(),
    })
    return { forward }
  }

  async function listed(result: Members, caller: ClaimedCredential | undefined): Promise<Members> {
    // Without an answer nothing is shown: a listing promises what a call may do.
    const allowed = await decider.allowed(listedTools(result), caller).catch(() => new Set<string>())
    return filterListing(result, (name) => allowed.has(name))
  }
}

/** One that is longer is nobody's. */
function bounded(caller: ClaimedCredential | undefined): ClaimedCredential | undefined {
  return caller !== undefined && caller.secret.length > MAX_SECRET_LENGTH ? CONFLICTING : caller
}

function handshakeOf(request: McpRequest, method: HandshakeMethod): McpRequest & { readonly method: HandshakeMethod } {
  const ours = Object.entries(metaOf(request)).filter(
    ([name, value]) =>
      IDENTITY_META_NAMES.has(name) &&
      (typeof value === 'string' ? value.length <= MAX_VALUE_LENGTH : typeof value === 'number'),
  )
  return { jsonrpc: '2.0', id: request.id, method, params: { _meta: Object.fromEntries(ours) } }
}

function paramsOf({ params }: McpRequest): Members {
  return isObject(params) ? params : {}
}

function refuse(request: McpRequest, message: string): Passage {
  return { answer: invalid(request.id, message) }
}

function refuseDepth(message: McpMessage, kind: MessageKind): Passage {
  return kind === 'request' ? refuse(message as McpRequest, 'The message is nested too deeply.') : { drop: true }
}
