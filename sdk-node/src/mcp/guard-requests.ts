import type { Members } from '@capiscio/proto/mcp'
import {
  attachReceipt,
  denialResult,
  filterListing,
  isObject,
  listedTools,
  own,
  toolCallOf,
  wantsProof,
} from '@capiscio/proto/mcp'
import { throwIfAborted } from '../abort-signal.ts'
import { askCore } from '../ask-core.ts'
import { captureCall } from '../captured-call.ts'
import type { CoreClient } from '../client.ts'
import { withCredential } from '../credential.ts'
import { runAllowed } from '../current-decision.ts'
import { filterTools } from '../filter-tools.ts'
import { hashJsonCopy } from '../params-hash.ts'
import { type Ended, reportOutcome } from '../report-outcome.ts'
import { claimedCaller } from './claimed-caller.ts'
import { fetchProof } from './fetch-proof.ts'
import { contextOf } from './server-like.ts'
import type { ToolDemands } from './tool-demands.ts'

/** How a server's requests are guarded. */
export interface RequestGuardOptions {
  readonly client: () => CoreClient
  readonly demands: ToolDemands
  /** Origin of the server, for records. */
  readonly serverOrigin: string | undefined
  readonly bearerIsBadge: boolean
  readonly timeoutMs: number | undefined
  /** Milliseconds that never go back, for the duration of a call. */
  readonly monotonicMs: () => number
}

/** A request handler of either MCP SDK. */
export type RequestHandler = (request: Members, context: unknown) => unknown

/**
 * Puts the core's decision before the handler of `tools/call`, for every tool that there is.
 *
 * What is decided is what runs: the handler is given the arguments that were hashed, and the
 * name that was decided. How it ended is reported to the core in the background; the reply
 * is the handler's own, with the receipt of its decision.
 */
export function guardToolCalls(handler: RequestHandler, options: RequestGuardOptions): RequestHandler {
  return async (request, given) => {
    const context = contextOf(given)
    const asked = toolCallOf(request)
    if (asked === undefined) throw invalidParams()
    const toolName = asked.name
    const call = captureCall([asked.arguments ?? {}])
    const { credential, conflict } = claimedCaller({ ...context, bearerIsBadge: options.bearerIsBadge })
    const client = options.client()
    const access = await askCore({
      toolName,
      paramsHash: hashJsonCopy(call.params),
      credential,
      serverOrigin: options.serverOrigin,
      config: options.demands.for(toolName),
      signal: context.signal,
      timeoutMs: options.timeoutMs,
      client,
    })
    // Fetched while the tool runs.
    const proof = wantsProof(context.meta) ? fetchProof(client, access) : undefined
    if (access.outcome !== 'ALLOW') {
      const denied = denialResult({ ...access, message: conflict ?? access.message }, false)
      const answer = attachReceipt(denied, access, await proof)
      if (asksForTask(request)) throw denialError(answer)
      return answer
    }
    const startedMs = options.monotonicMs()
    const report = (ended: Ended): void =>
      reportOutcome(client, access.evidenceId, ended, options.monotonicMs() - startedMs)
    const params = { ...(request.params as Members), name: toolName, arguments: call.args[0] ?? {} }
    const decided = { ...request, params }
    let result: unknown
    try {
      throwIfAborted(context.signal, access.evidenceId)
      result = await withCredential(credential, () => runAllowed(access, () => handler(decided, given)))
    } catch (error) {
      report({ failed: true })
      throw error
    }
    report({ result })
    return isObject(result) ? attachReceipt(result, access, await proof) : result
  }
}

/** Shows each caller the tools that it may run, by the decision that guards their calls. */
export function guardListing(handler: RequestHandler, options: RequestGuardOptions): RequestHandler {
  return async (request, given) => {
    const result = await handler(request, given)
    if (!isObject(result)) return result
    const context = contextOf(given)
    const { credential } = claimedCaller({ ...context, bearerIsBadge: options.bearerIsBadge })
    const tools = listedTools(result).map((toolName) => ({ toolName, config: options.demands.for(toolName) }))
    const allowed = await filterTools(options.client(), tools, credential, {
      signal: context.signal,
      timeoutMs: options.timeoutMs,
    })
    const listing = filterListing(result, (name) => allowed.has(name))
    // The SDK fills in what the server says about caches later, where this says nothing.
    return context.isModern ? { ...listing, cacheScope: 'private' } : listing
  }
}

/** Whether the call shall run as a task: then a result that is none would be taken for a fault of the server. */
function asksForTask({ params }: Members): boolean {
  return isObject(params) && own(params, 'task') !== undefined
}

/** Beyond the codes that JSON-RPC and MCP keep for themselves, as for HTTP 403. */
const FORBIDDEN = 40_301

/** A denial where no result can say so. What a result's `_meta` would hold is in `data`. */
function denialError({ content, _meta }: Members): Error {
  const [sentence] = content as readonly [{ readonly text: string }]
  return Object.assign(new Error(sentence.text), { code: FORBIDDEN, data: _meta })
}

/** JSON-RPC. Both SDKs answer with the code of what is thrown. */
function invalidParams(): Error {
  return Object.assign(new Error('tools/call must name its tool, once.'), { code: -32_602 })
}
