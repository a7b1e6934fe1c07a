/** Registers a handler; the first argument is a method name, or a schema that holds one. */
// biome-ignore lint/suspicious/noExplicitAny: both SDKs declare their own overloads, and must accept ours
export type SetRequestHandler = (method: any, ...rest: any[]) => void

/** The protocol side of a server of either MCP SDK. */
export interface ProtocolServerLike {
  setRequestHandler: SetRequestHandler
  // biome-ignore lint/suspicious/noExplicitAny: as above
  connect(transport: any, ...rest: any[]): Promise<void>
}

/** An `McpServer` or a `Server` of either MCP SDK. */
export type ServerLike =
  | ProtocolServerLike
  | { readonly server: ProtocolServerLike; connect: ProtocolServerLike['connect'] }

/** What handlers are given besides the request: v1 calls it `extra`, v2 `ctx`. */
export interface HandlerContext {
  readonly signal: AbortSignal | undefined
  readonly meta: unknown
  /** Whether the request is of the modern era, whose listings may be cached. */
  readonly isModern: boolean
  header(name: string): string | undefined
}

/** @throws TypeError for anything that is no server. */
export function protocolOf(server: ServerLike): ProtocolServerLike {
  const inner = 'server' in server ? server.server : server
  if (typeof inner?.setRequestHandler !== 'function' || typeof server.connect !== 'function') {
    throw new TypeError('This is no MCP server: give the McpServer or Server of @modelcontextprotocol.')
  }
  return inner
}

/** The method that a handler is registered for; `undefined` when it cannot be told. */
export function methodOf(first: unknown): string | undefined {
  if (typeof first === 'string') return first
  // v1 registers with a schema whose member `method` is a literal.
  const shape: unknown = property(first, 'shape') ?? property(property(first, 'def'), 'shape')
  const literal = property(typeof shape === 'function' ? shape() : shape, 'method')
  const value = property(literal, 'value') ?? property(property(literal, 'def'), 'values')
  if (Array.isArray(value)) return value.find((entry) => typeof entry === 'string')
  return typeof value === 'string' ? value : undefined
}

/** Reads both SDKs' second handler argument. Whatever is missing reads as not given. */
export function contextOf(given: unknown): HandlerContext {
  const modern = property(given, 'mcpReq')
  const webHeaders = property(property(property(given, 'http'), 'req'), 'headers')
  const nodeHeaders = property(property(given, 'requestInfo'), 'headers')
  const signal = property(modern, 'signal') ?? property(given, 'signal')
  return {
    signal: signal instanceof AbortSignal ? signal : undefined,
    isModern: property(modern, 'envelope') !== undefined,
    meta: modern === undefined ? property(given, '_meta') : property(modern, '_meta'),
    header(name) {
      if (webHeaders instanceof Headers) return webHeaders.get(name) ?? undefined
      const value = nodeHeaders instanceof Headers ? nodeHeaders.get(name) : property(nodeHeaders, name.toLowerCase())
      if (Array.isArray(value)) return value.filter((entry) => typeof entry === 'string').join(', ')
      return typeof value === 'string' ? value : undefined
    },
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
