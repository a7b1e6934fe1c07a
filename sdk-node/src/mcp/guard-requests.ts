import type { Members } from '@capiscio/proto/mcp'
import {
  attachReceipt,
  CallerConflict,
  denialResult,
  filterListing,
  findCaller,
  isObject,
  listedTools,
  receiptOf,
  toolCallOf,
} from '@capiscio/proto/mcp'
import { throwIfAborted } from '../abort-signal.ts'
import { askCore } from '../ask-core.ts'
import { CallerCredential } from '../caller-credential.ts'
import { captureCall } from '../captured-call.ts'
import type { CoreClient } from '../client.ts'
import { withCredential } from '../credential.ts'
import { runAllowed } from '../current-decision.ts'
import { filterTools } from '../filter-tools.ts'
import { hashJsonCopy } from '../params-hash.ts'
import { contextOf, type HandlerContext } from './server-like.ts'
import type { ToolDemands } from './tool-demands.ts'

/** How a server's requests are guarded. */
export interface RequestGuardOptions {
  readonly client: () => CoreClient
  readonly demands: ToolDemands
  /** Origin of the server, for records. */
  readonly serverOrigin: string | undefined
  readonly bearerIsBadge: boolean
  readonly timeoutMs: number | undefined
}

/** A request handler of either MCP SDK. */
export type RequestHandler = (request: Members, context: unknown) => unknown

/**
 * What the core is asked with when a request carries two different credentials. It is no badge,
 * so the core denies and records it: a refusal here would leave no evidence.
 */
const CONFLICTING = new CallerCredential({ badge: 'conflicting-credentials' })

/**
 * Puts the core's decision before the handler of `tools/call`, for every tool that there is.
 *
 * What is decided is what runs: the handler is given the arguments that were hashed, and the
 * name that was decided.
 */
export function guardToolCalls(handler: RequestHandler, options: RequestGuardOptions): RequestHandler {
  return async (request, given) => {
    const context = contextOf(given)
    const asked = toolCallOf(request)
    if (asked === undefined) throw invalidParams()
    const toolName = asked.name
    const call = captureCall([asked.arguments ?? {}])
    const { credential, conflict } = callerOf(context, options)
    const access = await askCore({
      toolName,
      paramsHash: hashJsonCopy(call.params),
      credential,
      serverOrigin: options.serverOrigin,
      config: options.demands.for(toolName),
      signal: context.signal,
      timeoutMs: options.timeoutMs,
      client: options.client(),
    })
    if (access.outcome !== 'ALLOW') return denialResult({ ...access, message: conflict ?? access.message }, false)
    throwIfAborted(context.signal, access.evidenceId)
    const params = { ...(request.params as Members), name: toolName, arguments: call.args[0] ?? {} }
    const decided = { ...request, params }
    const result = await withCredential(credential, () => runAllowed(access, () => handler(decided, given)))
    return isObject(result) ? attachReceipt(result, receiptOf(access)) : result
  }
}

/** Shows each caller the tools that it may run, by the decision that guards their calls. */
export function guardListing(handler: RequestHandler, options: RequestGuardOptions): RequestHandler {
  return async (request, given) => {
    const result = await handler(request, given)
    if (!isObject(result)) return result
    const context = contextOf(given)
    const { credential } = callerOf(context, options)
    const tools = listedTools(result).map((toolName) => ({ toolName, config: options.demands.for(toolName) }))
    const allowed = await filterTools(options.client(), tools, credential, {
      signal: context.signal,
      timeoutMs: options.timeoutMs,
    })
    return filterListing(result, (name) => allowed.has(name))
  }
}

/** JSON-RPC. Both SDKs answer with the code of what is thrown. */
function invalidParams(): Error {
  return Object.assign(new Error('tools/call must name its tool, once.'), { code: -32_602 })
}

interface Caller {
  readonly credential: CallerCredential | undefined
  /** Why the credential is not one, for the answer. */
  readonly conflict?: string
}

function callerOf(context: HandlerContext, { bearerIsBadge }: RequestGuardOptions): Caller {
  try {
    const claimed = findCaller({ meta: context.meta, header: context.header, bearerIsBadge })
    if (claimed === undefined) return { credential: undefined }
    const { kind, secret } = claimed
    return { credential: new CallerCredential(kind === 'badge' ? { badge: secret } : { apiKey: secret }) }
  } catch (error) {
    if (!(error instanceof CallerConflict)) throw error
    return { credential: CONFLICTING, conflict: error.message }
  }
}
