import type { McpMessage } from '@capiscio/proto/mcp'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { parseMessage } from './read-message.ts'

/**
 * Rewrites a stream of server-sent events, each of which carries one message. Ids, names,
 * reconnection times and comments stay, so that a client can resume; an event that carries no
 * message is left out, and an event without data, which only gives an id, is kept.
 *
 * @param rewrite what becomes of a message; `undefined` leaves it out
 * @param maxBytes longest event
 * @throws {RangeError} for a longer one
 */
export async function* rewriteEvents(
  body: AsyncIterable<Buffer>,
  rewrite: (message: McpMessage) => Promise<McpMessage | undefined>,
  maxBytes: number,
): AsyncGenerator<string> {
  let pending: (EventSourceMessage | string)[] = []
  const parser = createParser({
    onEvent: (event) => void pending.push(event),
    onComment: () => void pending.push(':\n\n'),
    onRetry: (milliseconds) => void pending.push(`retry: ${milliseconds}\n\n`),
  })
  const decoder = new TextDecoder('utf-8')
  let sinceEvent = 0
  for await (const chunk of body) {
    sinceEvent += chunk.length
    parser.feed(decoder.decode(chunk, { stream: true }))
    const arrived = pending
    pending = []
    if (arrived.length > 0) sinceEvent = 0
    if (sinceEvent > maxBytes) throw new RangeError('An event is too long.')
    for (const event of arrived) {
      const text = typeof event === 'string' ? event : await written(event, rewrite)
      if (text !== undefined) yield text
    }
  }
}

/** One message as an event of its own. */
export function eventOf(message: McpMessage): string {
  // JSON holds no line break.
  return `data: ${JSON.stringify(message)}\n\n`
}

async function written(
  { id, event, data }: EventSourceMessage,
  rewrite: (message: McpMessage) => Promise<McpMessage | undefined>,
): Promise<string | undefined> {
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`
  if (data === '') return `${head}data: \n\n`
  const message = parseMessage(data)
  const passed = typeof message === 'string' ? undefined : await rewrite(message)
  return passed === undefined ? undefined : head + eventOf(passed)
}
