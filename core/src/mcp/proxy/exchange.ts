import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isRequest, type McpMessage } from '@capiscio/proto/mcp'
import { INEXACT_NUMBER } from '../exact-numbers.ts'
import { eventOf, rewriteEvents } from './event-stream.ts'
import { toClient, toTarget } from './forwarded-headers.ts'
import type { Entered, GuardedSessions } from './guarded-sessions.ts'
import { disagreement, HEADER_MISMATCH } from './header-agreement.ts'
import { answerError, answerMessage } from './proxy-answer.ts'
import { type BodyProblem, readMessage } from './read-message.ts'
import type { Target } from './target.ts'

/** Largest request. MCP's own servers take no larger ones. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024

/** Largest message of the server. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

const SESSION_HEADER = 'mcp-session-id'

/** JSON-RPC. */
const INTERNAL_ERROR = -32_603

const PROBLEMS: Readonly<Record<BodyProblem, readonly [status: number, code: number, message: string]>> = {
  TOO_LARGE: [413, -32_600, 'The message is longer than 4 MiB.'],
  NOT_JSON: [400, -32_700, 'The body is not JSON.'],
  INEXACT: [400, -32_600, INEXACT_NUMBER],
  NOT_A_MESSAGE: [400, -32_600, 'The body is not one JSON-RPC message. Batches are not taken.'],
}

export interface ExchangeOptions {
  readonly target: Target
  readonly sessions: GuardedSessions
  readonly bearerIsBadge: boolean
}

/** One HTTP request to the MCP endpoint and its answer. */
export interface Exchange {
  post(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** The stream on which a server of the legacy era speaks unasked. */
  listen(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** The end of a session. */
  end(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Takes no more requests, and resolves when those under way were answered, subscriptions aside. */
  drain(): Promise<void>
}

export function createExchange({ target, sessions, bearerIsBadge }: ExchangeOptions): Exchange {
  const underWay = new Set<Promise<unknown>>()
  let isStopping = false

  return {
    async post(request, response) {
      const { headers } = request
      if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
        return answerError(response, 415, -32_600, 'Send the body as it is, without Content-Encoding.')
      }
      if (!/^application\/json *(;|$)/i.test(headers['content-type'] ?? '')) {
        return answerError(response, 415, -32_600, 'Send the body as application/json.')
      }
      const message = (await readMessage(request, MAX_REQUEST_BYTES, true)) ?? 'NOT_JSON'
      if (typeof message === 'string') return answerError(response, ...PROBLEMS[message])
      const mismatch = disagreement(message, headers)
      if (mismatch !== undefined) return answerError(response, 400, HEADER_MISMATCH, mismatch, idOf(message))
      if (isStopping && isRequest(message)) return answerStopping(response, message.id)
      const entered = enter(request, response, message.method === 'initialize')
      if (entered === undefined) return
      const ended = ask(message, request, response, entered).finally(entered.leave)
      if (isRequest(message) && message.method !== 'subscriptions/listen') {
        underWay.add(ended)
        const forget = (): unknown => underWay.delete(ended)
        ended.then(forget, forget)
      }
      return ended
    },

    async listen(request, response) {
      const entered = enter(request, response)
      if (entered === undefined) return
      const headers = toTarget(request.headers, { bearerIsBadge })
      try {
        await pass(response, entered, undefined, { method: 'GET', headers, signal: goneSignal(response) })
      } finally {
        entered.leave()
      }
    },

    async end(request, response) {
      const entered = enter(request, response)
      if (entered === undefined) return
      const headers = toTarget(request.headers, { bearerIsBadge })
      try {
        const sent = { method: 'DELETE', headers, signal: goneSignal(response) } as const
        const status = await pass(response, entered, undefined, sent)
        if (status !== undefined && status < 300) sessions.closed(joined(request.headers[SESSION_HEADER]) ?? '')
      } finally {
        entered.leave()
      }
    },

    async drain() {
      isStopping = true
      await Promise.allSettled(underWay)
    },
  }

  async function ask(
    message: McpMessage,
    { headers }: IncomingMessage,
    response: ServerResponse,
    entered: Entered,
  ): Promise<void> {
    const gone = goneSignal(response)
    const passage = await entered.guard.fromClient(message, {
      header: (name) => joined(headers[name.toLowerCase()]),
      bearerIsBadge,
      signal: gone,
    })
    if ('drop' in passage) return void response.writeHead(202).end()
    if ('answer' in passage) {
      return answerMessage(response, passage.answer.error === undefined ? 200 : 400, passage.answer)
    }
    const { forward, access } = passage
    await pass(
      response,
      entered,
      { asked: message, forward },
      {
        method: 'POST',
        headers: toTarget(headers, { bearerIsBadge, access }),
        body: JSON.stringify(forward),
        signal: gone,
      },
    )
  }

  function enter({ headers }: IncomingMessage, response: ServerResponse, mayOpen = false): Entered | undefined {
    const session = joined(headers[SESSION_HEADER])
    if (session === undefined) return sessions.enterAlone(mayOpen)
    const entered = sessions.enter(session)
    // As a server says it whose session has ended: the client starts a new one.
    if (entered === undefined) answerError(response, 404, -32_001, 'Session not found. Initialize again.')
    return entered
  }

  /** Sends to the target and answers with what comes back, guarded. @returns the target's status */
  async function pass(
    response: ServerResponse,
    { guard, opened }: Entered,
    sent: Sent | undefined,
    request: Parameters<Target['send']>[0],
  ): Promise<number | undefined> {
    const isAsked = sent !== undefined && isRequest(sent.forward)
    /** Under which the server knows the request, which may be another id than the client's. */
    const id = isAsked ? sent.forward.id : null
    const answered = { isDone: !isAsked }
    /** The answer may still come with a later stream of the session. */
    let isResumable = false
    const fromServer = (message: McpMessage): Promise<McpMessage | undefined> => {
      if (message.id === id && message.method === undefined) answered.isDone = true
      return guard.fromServer(message)
    }
    /** No answer of the target will come with this exchange. */
    async function fail(status: number, message: string): Promise<undefined> {
      const failed = { jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message } }
      const error = { ...failed, id: isAsked ? sent.asked.id : null }
      // Told as an error, so that a call that ran has an outcome.
      const isLost = !answered.isDone && !isResumable
      if (isLost) await guard.fromServer(failed)
      if (response.destroyed) return
      if (response.headersSent) response.end(isLost ? eventOf(error) : undefined)
      else answerMessage(response, status, error)
    }

    try {
      const answer = await target.send(request)
      const status = answer.statusCode ?? 502
      if (status >= 300 && status < 400) {
        answer.destroy()
        return await fail(502, 'The MCP server answered with a redirect, which is not followed.')
      }
      for (const [name, value] of Object.entries(toClient(answer.headers))) response.setHeader(name, value)
      const session = joined(answer.headers[SESSION_HEADER])
      if (sent?.forward.method === 'initialize' && session !== undefined && status < 300) opened(session)
      if ((answer.headers['content-encoding'] ?? 'identity') !== 'identity') {
        answer.destroy()
        return await fail(502, 'The MCP server encoded its answer, although it was asked not to.')
      }
      if (mediaType(answer) === 'text/event-stream' && status === 200) {
        isResumable = request.headers[SESSION_HEADER] !== undefined
        await passEvents(answer, response, fromServer, request.signal)
        if (!answered.isDone && !isResumable) await fail(502, 'The MCP server ended its stream without an answer.')
        else response.end()
        return status
      }
      const message = await readMessage(answer, MAX_ANSWER_BYTES)
      if (!isAsked && (message === undefined || (status < 300 && request.method !== 'GET'))) {
        // Some servers write "Accepted" or "OK", which nobody reads.
        response.removeHeader('content-type')
        response.writeHead(status).end()
        return status
      }
      const passed = typeof message === 'object' ? await fromServer(message) : undefined
      // Whatever it is, nobody could look through it.
      if (passed === undefined || passed.method !== undefined) {
        return await fail(
          status < 400 ? 502 : status,
          `The MCP server answered ${status} with no answer to the request.`,
        )
      }
      // An error that names no request ends this one as well.
      if (!answered.isDone) await guard.fromServer({ ...passed, id })
      answerMessage(response, status, passed)
      return status
    } catch {
      return await fail(502, 'The MCP server gave no complete answer.')
    }
  }
}

/** A message of the client, and what the target gets of it. */
interface Sent {
  readonly asked: McpMessage
  readonly forward: McpMessage
}

function answerStopping(response: ServerResponse, id: unknown): void {
  response.setHeader('retry-after', '1')
  response.setHeader('connection', 'close')
  answerError(response, 503, INTERNAL_ERROR, 'The proxy is stopping. Send the request again later.', id)
}

async function passEvents(
  answer: IncomingMessage,
  response: ServerResponse,
  fromServer: (message: McpMessage) => Promise<McpMessage | undefined>,
  gone: AbortSignal,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' })
  response.flushHeaders()
  for await (const text of rewriteEvents(answer, fromServer, MAX_ANSWER_BYTES)) {
    if (!response.write(text)) await once(response, 'drain', { signal: gone })
  }
}

/** Aborted when the client has gone before it was answered. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  return gone.signal
}

function mediaType({ headers }: IncomingMessage): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function joined(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value
}

function idOf(message: McpMessage): unknown {
  return isRequest(message) ? message.id : null
}
