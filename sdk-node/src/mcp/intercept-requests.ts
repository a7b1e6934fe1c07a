import { folded, type Members } from '@capiscio/proto/mcp'
import { guardListing, guardToolCalls, type RequestGuardOptions, type RequestHandler } from './guard-requests.ts'
import { methodOf, type ProtocolServerLike } from './server-like.ts'
import { tellUnlisted } from './unlisted-tools.ts'

/** JSON-RPC. */
const METHOD_NOT_FOUND = -32_601

/** Servers that are guarded. A second guard beside the first would leave open which demands hold. */
const guardedServers = new WeakSet<ProtocolServerLike>()

/**
 * Guards every handler for tools that is set from here on, whoever sets it, and the one that
 * answers whatever has no handler.
 *
 * @throws TypeError when a tool is registered already, or when nobody can tell; when it is guarded already.
 */
export function interceptRequests(
  protocol: ProtocolServerLike,
  options: RequestGuardOptions,
  filterListings: boolean,
): void {
  if (guardedServers.has(protocol)) {
    throw new TypeError('This server is protected already: call protectServer once, with all demands.')
  }
  requireNoTools(protocol)
  guardedServers.add(protocol)
  const guarded = (method: string, handler: RequestHandler): RequestHandler => {
    if (method === 'tools/call') return guardToolCalls(handler, options)
    if (method !== 'tools/list') return handler
    const listing = tellUnlisted(handler, options.demands.names)
    return filterListings ? guardListing(listing, options) : listing
  }
  const set = protocol.setRequestHandler.bind(protocol)
  protocol.setRequestHandler = (first, ...rest) => {
    const method = methodOf(first)
    // With schemas of its own, v2 gives a handler the parameters alone.
    const isOfParams = typeof first === 'string' && typeof rest[0] !== 'function'
    const given = rest.map((argument: unknown) => {
      if (typeof argument !== 'function') return argument
      // A method that cannot be told may be the one that runs tools.
      if (method === undefined)
        throw new TypeError('A request handler was registered for a method that cannot be read.')
      const handler = argument as RequestHandler
      if (!isOfParams) return guarded(method, handler)
      const whole = guarded(method, (request, context) => handler(request.params as Members, context))
      return (params: unknown, context: unknown) => whole({ method, params }, context)
    })
    set(first, ...given)
  }
  interceptFallback(protocol, guarded)
}

/** Gateways forward through this handler what they have no handler for: tool calls, above all. */
function interceptFallback(
  protocol: ProtocolServerLike,
  guarded: (method: string, handler: RequestHandler) => RequestHandler,
): void {
  let fallback: unknown
  let given: unknown
  Object.defineProperty(protocol, 'fallbackRequestHandler', {
    configurable: true,
    enumerable: true,
    get: () => fallback,
    set(handler: unknown) {
      if (handler === given || handler === fallback) return
      given = handler
      fallback = typeof handler === 'function' ? guardAll(handler as RequestHandler) : handler
    },
  })
  function guardAll(handler: RequestHandler): RequestHandler {
    return async (request, context) => {
      const method = String(request.method)
      const name = folded(method)
      if (name !== method && (name === 'tools/call' || name === 'tools/list')) {
        throw Object.assign(new Error(`Unknown method. Write "${name}".`), { code: METHOD_NOT_FOUND })
      }
      return guarded(method, handler)(request, context)
    }
  }
}

/** Both SDKs refuse a second handler through this method, which tells that there is a first one. */
function requireNoTools(protocol: object): void {
  const assertFree: unknown = Reflect.get(protocol, 'assertCanSetRequestHandler')
  if (typeof assertFree !== 'function') {
    throw new TypeError('This server cannot tell whether it has tools already: its MCP SDK is not known here.')
  }
  const tooLate = 'protectServer must be called before the first tool is registered.'
  if (Reflect.get(protocol, 'fallbackRequestHandler') !== undefined) throw new TypeError(tooLate)
  try {
    assertFree.call(protocol, 'tools/call')
    assertFree.call(protocol, 'tools/list')
  } catch (cause) {
    throw new TypeError(tooLate, { cause })
  }
}
