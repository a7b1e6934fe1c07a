import type { IncomingMessage, ServerResponse } from 'node:http'
import { CALLER_BADGE_HEADER } from '@capiscio/proto/mcp'
import { readOptions, SERVER_BADGE_HEADER, SERVER_DID_HEADER } from '@capiscio/proto/sdk'
import { createServerIdentity, type ServerIdentityOptions } from './server-identity.ts'

/** Options of `createHttpGate`. */
export interface HttpGateOptions {
  /** Who the server is. Disclosed in the headers of every answer. Default: nothing is disclosed. */
  readonly identity?: ServerIdentityOptions | undefined
  /**
   * Answer 401 to requests without a badge in `X-Capiscio-Badge`, before MCP sees them. Whether a
   * badge is good is decided, and recorded, with each tool call. Default false.
   */
  readonly requireBadge?: boolean | undefined
}

/** The HTTP side of a protected MCP server, for whatever framework it stands in. */
export interface HttpGate {
  /** Wraps a handler of the web's own form, such as that of `createMcpHandler`, Hono or Deno. */
  fetch(handler: (request: Request) => Response | Promise<Response>): (request: Request) => Promise<Response>
  /** Middleware for Express and Node: `app.use(gate.node)`, or call it and go on when it resolves to true. */
  readonly node: (request: IncomingMessage, response: ServerResponse, next?: () => void) => Promise<boolean>
}

/** Where clients may learn the identity before they connect (RFC-007). */
const DISCOVERY_PATH = '/.well-known/capiscio/mcp-server.json'

const UNAUTHORIZED = JSON.stringify({
  error: 'BADGE_MISSING',
  message: `This endpoint wants a trust badge in the header ${CALLER_BADGE_HEADER}.`,
})

/**
 * Makes the HTTP side of a protected server: disclosure headers with the badge that is current
 * now, the discovery document, and 401 where a badge is required.
 *
 * ```ts
 * export default { fetch: createHttpGate({ identity }).fetch((request) => handler.fetch(request)) }
 * ```
 *
 * @throws TypeError for wrong options.
 */
export function createHttpGate(options: HttpGateOptions = {}): HttpGate {
  readOptions(options, ['identity', 'requireBadge'], 'The options of createHttpGate')
  const { requireBadge = false } = options
  if (typeof requireBadge !== 'boolean') throw new TypeError('requireBadge must be true or false.')
  const identity = options.identity === undefined ? undefined : createServerIdentity(options.identity)

  async function disclosure(): Promise<Record<string, string>> {
    if (identity === undefined) return {}
    const badge = await identity.currentBadge()
    return {
      [SERVER_DID_HEADER]: identity.did,
      ...(badge !== undefined && { [SERVER_BADGE_HEADER]: badge }),
      // Pages see only headers that are named here.
      'Access-Control-Expose-Headers': `${SERVER_DID_HEADER}, ${SERVER_BADGE_HEADER}`,
    }
  }

  /** What is answered here instead of by the server. */
  async function own(method: string, path: string, badge: string | null | undefined) {
    if (identity !== undefined && path === DISCOVERY_PATH && (method === 'GET' || method === 'HEAD')) {
      const document = { server_did: identity.did, server_badge: await identity.currentBadge() }
      const body = JSON.stringify({ ...document, updated_at: new Date().toISOString() })
      return { status: 200, body, headers: { 'Cache-Control': 'no-cache' } }
    }
    // Preflights carry no credentials.
    if (requireBadge && method !== 'OPTIONS' && !badge) {
      return { status: 401, body: UNAUTHORIZED, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } }
    }
    return undefined
  }

  return {
    fetch: (handler) => async (request) => {
      const headers = await disclosure()
      const mine = await own(request.method, new URL(request.url).pathname, request.headers.get(CALLER_BADGE_HEADER))
      const response =
        mine === undefined
          ? await handler(request)
          : new Response(mine.body, {
              status: mine.status,
              headers: { 'Content-Type': 'application/json', ...mine.headers },
            })
      for (const [name, value] of Object.entries(headers)) appendHeader(response.headers, name, value)
      return response
    },

    async node(request, response, next) {
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
      const badge = request.headers[CALLER_BADGE_HEADER.toLowerCase()]
      const mine = await own(request.method ?? 'GET', path, Array.isArray(badge) ? badge.join() : badge)
      for (const [name, value] of Object.entries(await disclosure())) response.setHeader(name, value)
      if (mine === undefined) {
        next?.()
        return true
      }
      response.writeHead(mine.status, { 'Content-Type': 'application/json', ...mine.headers })
      response.end(request.method === 'HEAD' ? undefined : mine.body)
      return false
    },
  }
}

/** What others expose stays exposed; an identity is one. */
function appendHeader(headers: Headers, name: string, value: string): void {
  if (name === 'Access-Control-Expose-Headers') headers.append(name, value)
  else headers.set(name, value)
}
