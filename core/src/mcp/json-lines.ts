import type { Readable } from 'node:stream'
import type { McpMessage } from '@capiscio/proto/mcp'
import { createByteBuffer } from './byte-buffer.ts'
import { hasExactNumbers } from './exact-numbers.ts'

/** Longest line that is taken, in bytes: what MCP's own SDKs can be expected to send. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024

/** One line: a message, or why it is none. */
export type ReadLine =
  | { readonly message: McpMessage }
  | { readonly problem: 'TOO_LONG' | 'NOT_JSON' | 'NOT_A_MESSAGE' | 'INEXACT' }

const NEWLINE = 0x0a

/**
 * Reads newline-delimited JSON. Each line is given once, in order, and nothing is read ahead
 * of the reader: whoever is slow slows the sender.
 *
 * A line that is too long is skipped to its end; it is never held as a whole.
 *
 * @param mustBeExact refuse numbers that cannot be passed on as they came. Default false
 */
export async function* readJsonLines(
  input: Readable,
  {
    maxBytes = MAX_LINE_BYTES,
    mustBeExact = false,
  }: { readonly maxBytes?: number; readonly mustBeExact?: boolean } = {},
): AsyncGenerator<ReadLine> {
  const held = createByteBuffer()
  let isTooLong = false
  for await (const chunk of input as AsyncIterable<Buffer>) {
    let rest = chunk
    for (;;) {
      const end = rest.indexOf(NEWLINE)
      const part = end < 0 ? rest : rest.subarray(0, end)
      if (isTooLong || held.length + part.length > maxBytes) {
        isTooLong = true
        held.take()
      } else if (part.length > 0) held.append(part)
      if (end < 0) break
      if (isTooLong) yield { problem: 'TOO_LONG' }
      else if (held.length > 0) yield* parse(held.take(), mustBeExact)
      isTooLong = false
      rest = rest.subarray(end + 1)
    }
  }
  // The sender went in the middle of a line: what it wrote is no message.
}

function* parse(line: Buffer, mustBeExact: boolean): Generator<ReadLine> {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(line)
    if (text.trim() === '') return
    value = JSON.parse(text)
    if (mustBeExact && !hasExactNumbers(text)) {
      yield { problem: 'INEXACT' }
      return
    }
  } catch {
    yield { problem: 'NOT_JSON' }
    return
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) yield { message: value as McpMessage }
  else yield { problem: 'NOT_A_MESSAGE' }
}
