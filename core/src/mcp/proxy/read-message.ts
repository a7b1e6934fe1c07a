import type { McpMessage } from '@capiscio/proto/mcp'
import { createByteBuffer } from '../byte-buffer.ts'
import { hasExactNumbers } from '../exact-numbers.ts'

/** Why a body is no message. */
export type BodyProblem = 'TOO_LARGE' | 'NOT_JSON' | 'NOT_A_MESSAGE' | 'INEXACT'

/**
 * Reads a body to its end as one JSON object. Bodies that are too large are not kept.
 *
 * @param mustBeExact refuse numbers that cannot be passed on as they came
 * @returns `undefined` for an empty body
 */
export async function readMessage(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  mustBeExact = false,
): Promise<McpMessage | BodyProblem | undefined> {
  const held = createByteBuffer()
  for await (const chunk of body) {
    if (held.length + chunk.length > maxBytes) return 'TOO_LARGE'
    held.append(chunk)
  }
  return held.length === 0 ? undefined : parseMessage(held.take(), mustBeExact)
}

/** Reads one message. Batches are none. */
export function parseMessage(
  given: Uint8Array | string,
  mustBeExact = false,
): McpMessage | Exclude<BodyProblem, 'TOO_LARGE'> {
  let value: unknown
  try {
    const text = typeof given === 'string' ? given : new TextDecoder('utf-8', { fatal: true }).decode(given)
    value = JSON.parse(text)
    if (mustBeExact && !hasExactNumbers(text)) return 'INEXACT'
  } catch {
    return 'NOT_JSON'
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : 'NOT_A_MESSAGE'
}
