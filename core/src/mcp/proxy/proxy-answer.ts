import type { ServerResponse } from 'node:http'
import type { McpMessage } from '@capiscio/proto/mcp'

/** Answers with one message as JSON. */
export function answerMessage(response: ServerResponse, status: number, message: McpMessage): void {
  if (response.headersSent) {
    response.end()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message))
}

/** Answers with a JSON-RPC error. @param id of the request, `null` where it is not known */
export function answerError(
  response: ServerResponse,
  status: number,
  code: number,
  message: string,
  id: unknown = null,
): void {
  answerMessage(response, status, { jsonrpc: '2.0', id, error: { code, message } })
}
