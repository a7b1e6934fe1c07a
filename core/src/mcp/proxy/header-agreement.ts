import { isModern, isObject, type McpMessage, type McpRequest, own } from '@capiscio/proto/mcp'

/** JSON-RPC code for headers that say something else than the body (MCP 2026-07-28). */
export const HEADER_MISMATCH = -32_020

/** Which member of `params` the header `Mcp-Name` repeats, by method. */
const NAME_MEMBERS: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

const PARAM_PREFIX = 'mcp-param-'

/** Request headers by their lower-case names, several values joined by commas, as Node gives them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Compares what the headers `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*` say with the body. What
 * stands between here and the server may go by either, so a request that names two tools is
 * decided about neither.
 *
 * In the modern era the first two must be there; earlier ones know none of them, but what is
 * there must agree.
 *
 * @returns what does not agree; `undefined` when all does
 */
export function disagreement(message: McpMessage, headers: RequestHeaders): string | undefined {
  const method = headers['mcp-method']
  if (method === undefined) {
    if (isRequired(message)) return 'The header Mcp-Method is missing.'
  } else if (method !== message.method) return 'The header Mcp-Method names another method than the body.'
  return nameDisagreement(message, headers['mcp-name']) ?? paramDisagreement(message, headers)
}

function nameDisagreement(message: McpMessage, header: RequestHeaders[string]): string | undefined {
  const { method, params } = message
  const member = typeof method === 'string' && Object.hasOwn(NAME_MEMBERS, method) ? NAME_MEMBERS[method] : undefined
  const name = member !== undefined && isObject(params) ? own(params, member) : undefined
  if (header === undefined) {
    return name !== undefined && isRequired(message) ? 'The header Mcp-Name is missing.' : undefined
  }
  if (member === undefined) return undefined
  return typeof header === 'string' && decodeValue(header) === name
    ? undefined
    : 'The header Mcp-Name names something else than the body.'
}

/** Which argument a header repeats only the tool's schema says; none may say what no argument does. */
function paramDisagreement({ params }: McpMessage, headers: RequestHeaders): string | undefined {
  const given = Object.entries(headers).filter(([name]) => name.startsWith(PARAM_PREFIX))
  if (given.length === 0) return undefined
  const values = primitivesOf(isObject(params) ? own(params, 'arguments') : undefined)
  const stray = given.find(([, value]) => typeof value !== 'string' || !values.has(decodeValue(value) ?? ''))
  return stray === undefined ? undefined : `The header ${stray[0]} says what no argument of the body says.`
}

/** In one walk without recursion: arguments may be nested as deeply as a body is long. */
function primitivesOf(value: unknown): ReadonlySet<string> {
  const found = new Set<string>()
  const left = [value]
  while (left.length > 0) {
    const next = left.pop()
    if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) left.push(inner)
    else if (next !== undefined && next !== null) found.add(String(next))
  }
  return found
}

function isRequired(message: McpMessage): message is McpRequest {
  return message.id !== undefined && message.method !== undefined && isModern(message)
}

/** Values that no header can carry come as `=?base64?…?=`, of UTF-8. `undefined` for what is none. */
function decodeValue(header: string): string | undefined {
  const text = header.trim()
  const encoded = /^=\?base64\?(.*)\?=$/.exec(text)?.[1]
  if (encoded === undefined) return text
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
