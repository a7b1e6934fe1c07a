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

/** What a message is. `undefined` is for those that are none of the three. */
export type MessageKind = 'request' | 'notification' | 'reply'

/**
 * Tells what a message is by its members alone (JSON-RPC 2.0 §4, §5, with the ids that MCP
 * allows). A message that two readers could take for two things is nothing at all: whoever
 * guards must not see a reply where the server sees a request.
 */
export function kindOf(message: McpMessage): MessageKind | undefined {
  const { id, method, params, result, error } = message
  if (method !== undefined) {
    if (typeof method !== 'string' || result !== undefined || error !== undefined) return undefined
    if (id === undefined) return 'notification'
    return isId(id) ? 'request' : undefined
  }
  if ((result === undefined) === (error === undefined) || params !== undefined) return undefined
  // An error may answer what could not be read far enough to know its id.
  return isId(id) || (id === null && error !== undefined) ? 'reply' : undefined
}

export function isRequest(message: McpMessage): message is McpRequest {
  return kindOf(message) === 'request'
}

/**
 * The message with the members that JSON-RPC knows and no others. A reader that takes `Method`
 * for `method`, as some do, would see another message than the one that was looked at.
 */
export function plainMessage({ id, method, params, result, error }: McpMessage): McpMessage {
  return {
    jsonrpc: '2.0',
    ...(id !== undefined && { id }),
    ...(method !== undefined && { method }),
    ...(params !== undefined && { params }),
    ...(result !== undefined && { result }),
    ...(error !== undefined && { error }),
  }
}

/** An id that comes back as it was sent: numbers that JSON readers round are none. */
function isId(id: unknown): id is string | number {
  return typeof id === 'string' || (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER)
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

/** What a `tools/call` is decided by. */
const CALL_MEMBERS = ['name', 'arguments', '_meta']

/**
 * The tool that a `tools/call` names, and its arguments. `undefined` when it names none, or when
 * a lenient reader could find another one: `Name` beside `name` is somebody's attempt.
 */
export function toolCallOf(request: McpMessage): { readonly name: string; readonly arguments: unknown } | undefined {
  const { params } = request
  if (request.method !== 'tools/call' || !isObject(params)) return undefined
  if (Object.keys(params).some((name) => !CALL_MEMBERS.includes(name) && CALL_MEMBERS.includes(folded(name)))) {
    return undefined
  }
  const name = own(params, 'name')
  return isToolName(name) ? { name, arguments: own(params, 'arguments') } : undefined
}

/**
 * Whether a tool can be called by this. Half a surrogate pair becomes another character wherever
 * text is encoded, and some servers read a name up to its first NUL: such a call would be decided
 * under one name and run under another.
 */
export function isToolName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name.isWellFormed() && !/\p{Cc}/u.test(name)
}

/** A name as the most lenient readers compare it: without case, width, blanks and what nobody sees. */
export function folded(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/[\p{C}\p{Z}]/gu, '')
    .toLowerCase()
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
