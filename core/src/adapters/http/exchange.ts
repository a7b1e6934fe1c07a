import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { OutboundRequest, OutboundResponse } from '../../ports/outbound-http.ts'
import { errorCode } from '../evidence/error-code.ts'
import { OutboundFailure } from './outbound-failure.ts'
import type { OutboundTarget } from './outbound-target.ts'
import { readBody } from './read-body.ts'

/** Most bytes of status line and header fields of an answer. */
const MAX_HEADER_BYTES = 16 * 1024

/** Decided here: what would make the answer mean something else than what is read from it. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'expect',
  'upgrade',
])

/**
 * One request and its whole answer over an open connection, which ends with it.
 *
 * @throws {OutboundFailure} redirect, too_large, encoding, broken; or the signal's reason
 */
export async function exchange(
  socket: Socket,
  target: OutboundTarget,
  request: OutboundRequest,
  signal: AbortSignal,
): Promise<OutboundResponse> {
  try {
    const message = await answerTo(socket, target, request, signal)
    const { statusCode: status = 0 } = message
    // 304 is an answer to a conditional request and leads nowhere else.
    if (status >= 300 && status < 400 && status !== 304) {
      throw new OutboundFailure('redirect', `${target.origin} redirects (${status}), which is never followed`)
    }
    return { status, headers: headersOf(message), body: await readBody(message, request.maxBytes, target.origin) }
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (cause instanceof OutboundFailure) throw cause
    const code = errorCode(cause) ?? 'no code'
    throw new OutboundFailure('broken', `${target.origin} gave no complete answer (${code})`, { cause })
  } finally {
    socket.destroy()
  }
}

function answerTo(
  socket: Socket,
  { url }: OutboundTarget,
  { method = 'GET', headers = {}, body }: OutboundRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const chosen = Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()))
    const outgoing = httpRequest({
      // No agent, so no proxy of the environment and no second request on this connection.
      createConnection: () => socket,
      method,
      path: `${url.pathname}${url.search}`,
      headers: { accept: 'application/json', ...Object.fromEntries(chosen), host: url.host, 'accept-encoding': 'gzip' },
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      signal,
    })
    outgoing.once('response', resolve)
    outgoing.on('error', reject)
    // An answer that changes the protocol ends the request without an error.
    outgoing.once('close', () => reject(new Error('The connection was closed without an answer')))
    outgoing.end(body)
  })
}

function headersOf({ headers }: IncomingMessage): ReadonlyMap<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  )
  return new Map(entries)
}
