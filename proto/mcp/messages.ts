/** A JSON-RPC message of MCP as it travels, of either era. Everything in it is the sender's word. */
export interface McpMessage {
  readonly jsonrpc?: unknown
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** A request: it has a method, and an id under which its answer comes. */
export interface McpRequest extends McpMessage {
  readonly id: string | number
  readonly method: string
}

/** An object with any members. */
export type Members = Readonly<Record<string, unknown>>

export function isRequest(message: McpMessage): message is McpRequest {
  return typeof message.method === 'string' && (typeof message.id === 'string' || typeof message.id === 'number')
}

/** A notification has a method and no id. */
export function isNotification(message: McpMessage): boolean {
  return typeof message.method === 'string' && message.id === undefined
}

/** An answer that carries a result. Errors are passed on as they are, everywhere. */
export function isResult(message: McpMessage): message is McpMessage & { readonly result: Members } {
  return message.method === undefined && isObject(message.result)
}

/** `params._meta` of a request; an empty object where there is none. */
export function metaOf({ params }: McpMessage): Members {
  const meta = isObject(params) ? own(params, '_meta') : undefined
  return isObject(meta) ? meta : {}
}

/** The tool that a `tools/call` names, and its arguments. `undefined` when it names none. */
export function toolCallOf(request: McpRequest): { readonly name: string; readonly arguments: unknown } | undefined {
  const { params } = request
  if (request.method !== 'tools/call' || !isObject(params)) return undefined
  const name = own(params, 'name')
  return typeof name === 'string' ? { name, arguments: own(params, 'arguments') } : undefined
}

/**
 * Whether a request belongs to the modern era (MCP 2026-07-28), whose requests carry their
 * protocol version and whose results must say what they are.
 */
export function isModern(request: McpMessage): boolean {
  return typeof own(metaOf(request), 'io.modelcontextprotocol/protocolVersion') === 'string'
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own member. What a prototype brings was not sent. */
export function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined
}
