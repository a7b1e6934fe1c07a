import { isObject, isRequest, kindOf, type McpMessage, own } from '@capiscio/proto/mcp'
import type { MessageGuard } from '../message-guard.ts'

/**
 * The guard of a session, whose server knows each request under an id of the proxy, used once.
 *
 * A server that keeps its streams sends an answer again to whoever asks for the stream. Under
 * the client's own ids that could pass for the answer to another request: a listing of all tools
 * for the result of a call.
 */
export function withOwnIds(guard: MessageGuard): MessageGuard {
  let last = 0
  /** The id that the client gave, by ours. */
  const given = new Map<unknown, unknown>()
  const ours = new Map<unknown, number>()

  function toServer(message: McpMessage): McpMessage | undefined {
    if (isRequest(message)) {
      last += 1
      given.set(last, message.id)
      ours.set(message.id, last)
      return { ...message, id: last }
    }
    const { method, params } = message
    if (method !== 'notifications/cancelled' || !isObject(params)) return message
    const requestId = ours.get(own(params, 'requestId'))
    return requestId === undefined ? undefined : { ...message, params: { ...params, requestId } }
  }

  return {
    ...guard,
    async fromClient(message, client) {
      const passage = await guard.fromClient(message, client)
      if (!('forward' in passage)) return passage
      const forward = toServer(passage.forward)
      return forward === undefined ? { drop: true } : { ...passage, forward }
    },
    async fromServer(message) {
      // An error without an id answers what the server could not read.
      if (kindOf(message) !== 'reply' || message.id === null) return guard.fromServer(message)
      if (!given.has(message.id)) return undefined
      const id = given.get(message.id)
      given.delete(message.id)
      ours.delete(id)
      return guard.fromServer({ ...message, id })
    },
    giveUp() {
      given.clear()
      ours.clear()
      guard.giveUp()
    },
  }
}
