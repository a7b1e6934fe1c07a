import type { McpMessage } from '@capiscio/proto/mcp'

/** Why a body is no message. */
export type BodyProblem = 'TOO_LARGE' | 'NOT_JSON' | 'NOT_A_MESSAGE'

/**
 * Reads a body to its end as one JSON object. Bodies that are too large are not kept.
 *
 * @returns `undefined` for an empty body
 */
export async function readMessage(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<McpMessage | BodyProblem | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes) return 'TOO_LARGE'
    chunks.push(chunk)
  }
  return bytes === 0 ? undefined : parseMessage(Buffer.concat(chunks))
}

/** Reads one message. Batches are none. */
export function parseMessage(text: Uint8Array | string): McpMessage | 'NOT_JSON' | 'NOT_A_MESSAGE' {
  let value: unknown
  try {
    value = JSON.parse(typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch {
    return 'NOT_JSON'
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : 'NOT_A_MESSAGE'
}
