import { denialResult, isModern, type McpMessage, type McpRequest } from '@capiscio/proto/mcp'

/** JSON-RPC. */
const INVALID_REQUEST = -32_600
const NO_METHOD = -32_601
const INVALID_PARAMS = -32_602
const INTERNAL_ERROR = -32_603

/** To a message that cannot be taken as it is. */
export function invalid(id: string | number | null, message: string): McpMessage {
  return { jsonrpc: '2.0', id, error: { code: INVALID_REQUEST, message } }
}

/** To a question about a method that is not passed on. */
export function noMethod(id: string | number): McpMessage {
  return { jsonrpc: '2.0', id, error: { code: NO_METHOD, message: 'Method not found.' } }
}

/** The same for a task that there is not and for one of somebody else. */
export function noTask(id: string | number): McpMessage {
  return { jsonrpc: '2.0', id, error: { code: INVALID_PARAMS, message: 'Task not found.' } }
}

/** What stands for an answer of the server that cannot be written again. */
export function tooDeepAnswer({ id }: McpMessage): McpMessage {
  return {
    jsonrpc: '2.0',
    id,
    error: { code: INTERNAL_ERROR, message: 'The answer of the server is nested too deeply.' },
  }
}

/** To a call without a decision. What went wrong is in the core's log. */
export function undecided(request: McpRequest): McpMessage {
  const denied = {
    code: 'INTERNAL',
    reason: 'INTERNAL',
    message: 'There was no decision, so the tool did not run.',
    evidenceId: undefined,
  } as const
  return { jsonrpc: '2.0', id: request.id, result: denialResult(denied, isModern(request)) }
}
