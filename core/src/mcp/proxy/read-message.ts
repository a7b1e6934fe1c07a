import type { McpMessage } from '@capiscio/proto/mcp'
import { createByteBuffer } from '../byte-buffer.ts'

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
  const held = createByteBuffer()
  for await (const chunk of body) {
    if (held.length + chunk.length > maxBytes) return 'TOO_LARGE'
    held.append(chunk)
  }
  return held.length === 0 ? undefined : parseMessage(held.take())
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
