import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { SERVER_BADGE_HEADER, SERVER_DID_HEADER } from '@capiscio/proto/sdk'
import type { Timer } from '../../ports/timer.ts'
import { bindServer } from '../../transport/bind-server.ts'
import { readToTheEnd } from '../../transport/read-to-the-end.ts'
import { type CorsTerms, createWebGuard } from '../../transport/web-guard.ts'
import type { MessageGuard } from '../message-guard.ts'
import { createExchange } from './exchange.ts'
import { createGuardedSessions } from './guarded-sessions.ts'
import { answerError } from './proxy-answer.ts'
import { createTarget } from './target.ts'

export interface ProxyOptions {
  /** The MCP endpoint of the server, `http:` or `https:`. */
  readonly target: URL
  /** PEM of authorities to trust besides the usual ones. */
  readonly targetCa?: string | undefined
  readonly listen: { readonly host: string; readonly port: number }
  /** Makes the guard of one connection: a session of the legacy era, or one request. */
  readonly createGuard: () => MessageGuard
  /** Who the server is. Absent: nothing is disclosed. */
  readonly identity?: ProxyIdentity | undefined
  /** Origins whose pages may call. */
  readonly allowedOrigins: readonly string[]
  /** Names under which clients reach the proxy, besides those of loopback and its address. */
  readonly hosts: readonly string[]
  /** Whether `Authorization: Bearer` is a caller's badge. It is then not passed on. */
  readonly bearerIsBadge: boolean
  readonly timer: Timer
  /** A fault of our own; the request was answered 500. */
  readonly onFault: (cause: unknown) => void
}

export interface ProxyIdentity {
  readonly did: string
  /** The badge that is current now. */
  readonly badge: () => Promise<string | undefined>
}

/** A guard in front of an MCP server over Streamable HTTP. */
export interface McpProxy {
  /** Where clients find the MCP endpoint: the path is that of the target. */
  readonly url: string
  /**
   * Takes no more requests and lets those under way end. What has not ended in time is cut off: a
   * call among it has failed, in the evidence too.
   *
   * @param graceMs time to end, in milliseconds. Default 0
   */
  stop(graceMs?: number): Promise<void>
}

/** Where clients may learn the identity before they connect (RFC-007). */
const DISCOVERY_PATH = '/.well-known/capiscio/mcp-server.json'

const METHODS = ['POST', 'GET', 'DELETE'] as const
const CORS: CorsTerms = {
  methods: METHODS,
  headers: [
    ...['content-type', 'accept', 'authorization', 'last-event-id', 'mcp-session-id', 'mcp-protocol-version'],
    ...['mcp-method', 'mcp-name', 'x-capiscio-badge'],
  ],
  exposed: ['mcp-session-id', 'mcp-protocol-version', 'www-authenticate', SERVER_DID_HEADER, SERVER_BADGE_HEADER],
  ownOrigin: true,
  setting: '--allow-origin',
}

/** Time for a client to send its request, in milliseconds. Answers may take as long as they like. */
const TIMEOUTS = { requestTimeout: 30_000, headersTimeout: 5_000 }

const MAX_CONNECTIONS = 1024

/**
 * Listens, and passes on what the guard lets through. Only the MCP endpoint is reachable:
 * every other path of the target is not.
 *
 * @throws {AddressRefused}
 */
export async function startProxy(options: ProxyOptions): Promise<McpProxy> {
  const { target: url, identity, hosts } = options
  const target = createTarget(url, options.targetCa)
  const sessions = createGuardedSessions(options.createGuard, options.timer)
  const exchange = createExchange({ target, sessions, bearerIsBadge: options.bearerIsBadge })
  const door = createWebGuard(options.allowedOrigins, (name) => hosts.includes(name), CORS)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0] ?? ''
    await disclose(response)
    if (door.handled(request, response)) return
    if (identity !== undefined && path === DISCOVERY_PATH && request.method === 'GET') return tell(identity, response)
    // The query is the operator's, too: it is part of the target.
    if (path !== url.pathname) return answerError(response, 404, -32_601, `The MCP endpoint is ${url.pathname}.`)
    if (request.method === 'POST') return exchange.post(request, response)
    if (request.method === 'GET') return exchange.listen(request, response)
    if (request.method === 'DELETE') return exchange.end(request, response)
    response.setHeader('allow', METHODS.join(', '))
    return answerError(response, 405, -32_601, 'Use POST, GET or DELETE.')
  }

  async function disclose(response: ServerResponse): Promise<void> {
    if (identity === undefined) return
    const badge = await identity.badge()
    response.setHeader(SERVER_DID_HEADER, identity.did)
    if (badge !== undefined) response.setHeader(SERVER_BADGE_HEADER, badge)
  }

  const running = new Set<Promise<void>>()
  const server = createServer(TIMEOUTS, (request, response) => {
    readToTheEnd(request, response)
    const served = serve(request, response).catch((cause: unknown) => {
      // A client that went away while it spoke is no fault of ours.
      if (response.destroyed && !request.complete) return
      options.onFault(cause)
      if (response.destroyed) return
      answerError(response, 500, -32_603, 'The proxy failed. Its log has the cause.')
    })
    running.add(served)
    void served.then(() => running.delete(served))
  })
  server.maxConnections = MAX_CONNECTIONS
  const { host, port } = options.listen
  const bound = await bindServer(server, host, port).catch((refused: unknown) => {
    target[Symbol.dispose]()
    throw refused
  })
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}${url.pathname}`,
    async stop(graceMs = 0) {
      // Everything but new requests still passes: a call may wait for what its server asks the client.
      const drained = exchange.drain()
      if (graceMs > 0) await settledWithin(graceMs, drained, options.timer)
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      // Each tells how its call ended before the core goes.
      await Promise.all(running)
      sessions.close()
      target[Symbol.dispose]()
    },
  }
}

async function settledWithin(ms: number, settled: Promise<void>, timer: Timer): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const forget = timer.after(ms, resolve)
  await Promise.race([settled, late])
  forget()
}

async function tell({ did, badge }: ProxyIdentity, response: ServerResponse): Promise<void> {
  const document = { server_did: did, server_badge: await badge(), updated_at: new Date().toISOString() }
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache' })
  response.end(JSON.stringify(document))
}
