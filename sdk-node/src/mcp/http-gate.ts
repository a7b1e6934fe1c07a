import type { ServerResponse } from 'node:http'
import { readOptions, requireTimeoutMs } from '@capiscio/proto/sdk'
import type { CoreClient } from '../client.ts'
import { getDefaultCoreClient } from '../default-client.ts'
import type { FetchHandler, HonoContextLike, NodeRequestLike } from './framework-like.ts'
import { createGateDoor, type Passage } from './gate-door.ts'
import type { GateAnswer } from './gate-refusal.ts'
import { createServerIdentity, type ServerIdentityOptions } from './server-identity.ts'

const NAMES = ['identity', 'requireBadge', 'bearerIsBadge', 'timeoutMs', 'client'] as const

/** Options of `createHttpGate`. */
export interface HttpGateOptions {
  /** Who the server is. Disclosed in the headers of every answer. Default: nothing is disclosed. */
  readonly identity?: ServerIdentityOptions | undefined
  /**
   * Let through only requests with a good badge in `X-Capiscio-Badge`, and answer 401 to others
   * before MCP sees them. The core verifies the badge and records each refusal; each tool call is
   * still decided and recorded by itself. Default false.
   */
  readonly requireBadge?: boolean | undefined
  /** Read `Authorization: Bearer` as a badge, too. Default false: on MCP endpoints it is an OAuth token. */
  readonly bearerIsBadge?: boolean | undefined
  /** Milliseconds until an answer of the core is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/**
 * The HTTP side of a protected MCP server, for whatever framework it stands in. Where a badge is
 * required, handlers find its caller in `authInfo`.
 */
export interface HttpGate {
  /** Wraps a handler of the web's own form, such as `createMcpHandler(…).fetch` or that of Deno. */
  fetch<O>(handler: FetchHandler<O>): (request: Request, options?: O) => Promise<Response>
  /** Middleware for Express: `app.use(gate.express)`, before the routes and after `cors`. Sets `req.auth`, unless it is set. */
  readonly express: (request: NodeRequestLike, response: ServerResponse, next: (error?: unknown) => void) => void
  /** Middleware for Hono: `app.use('*', gate.hono)`. Sets the context's `authInfo`. */
  readonly hono: (context: HonoContextLike, next: () => Promise<void>) => Promise<void>
  /** For Node's own `http`: go on when it resolves to true; otherwise it has answered. */
  readonly node: (request: NodeRequestLike, response: ServerResponse, next?: () => void) => Promise<boolean>
}

/**
 * Makes the HTTP side of a protected server: disclosure headers with the badge that is current
 * now, the discovery document, and 401 where a badge is required.
 *
 * ```ts
 * export default { fetch: createHttpGate({ identity }).fetch(handler.fetch) }
 * ```
 *
 * @throws TypeError for wrong options.
 */
export function createHttpGate(options: HttpGateOptions = {}): HttpGate {
  readOptions(options, NAMES, 'The options of createHttpGate')
  const { requireBadge = false, bearerIsBadge = false, timeoutMs, client } = options
  if (typeof requireBadge !== 'boolean') throw new TypeError('requireBadge must be true or false.')
  if (typeof bearerIsBadge !== 'boolean') throw new TypeError('bearerIsBadge must be true or false.')
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  const { identity } = options
  const door = createGateDoor({
    identity: identity && createServerIdentity(identity),
    ...{ requireBadge, bearerIsBadge, timeoutMs },
    serverOrigin: identity?.origin === 'stdio' ? undefined : identity?.origin,
    client: () => client ?? getDefaultCoreClient(),
    nowMs: Date.now,
  })

  const atWeb = (request: Request): Promise<Passage> =>
    door({
      method: request.method,
      path: new URL(request.url).pathname,
      header: (name) => request.headers.get(name) ?? undefined,
    })

  async function node(request: NodeRequestLike, response: ServerResponse, next?: () => void): Promise<boolean> {
    const { method = 'GET', headers } = request
    const [path = '/'] = (request.originalUrl ?? request.url ?? '/').split('?', 1)
    const { answer, authInfo, disclosure } = await door({
      ...{ method, path },
      header: (name) => {
        // Of some headers, `Authorization` among them, `headers` has the first alone.
        const value = request.headersDistinct?.[name.toLowerCase()] ?? headers[name.toLowerCase()]
        return Array.isArray(value) ? value.join() : value
      },
    })
    for (const [name, value] of disclosure) {
      // What others expose stays exposed; an identity is one.
      if (name === EXPOSE) response.setHeader(name, [response.getHeader(name) ?? [], value].flat().join(', '))
      else response.setHeader(name, value)
    }
    if (answer === undefined) {
      request.auth ??= authInfo
      next?.()
      return true
    }
    response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers })
    response.end(method === 'HEAD' ? undefined : answer.body)
    return false
  }

  return {
    fetch: (handler) => async (request, options) => {
      const { answer, authInfo, disclosure } = await atWeb(request)
      if (answer !== undefined) return disclosed(responseOf(answer), disclosure)
      // Whoever was let in before by other means stays who it is.
      const given = authInfo === undefined ? options : { authInfo, ...options }
      return disclosed(await handler(request, given as Parameters<typeof handler>[1]), disclosure)
    },

    express: (request, response, next) => {
      node(request, response).then((goOn) => goOn && next(), next)
    },

    async hono(context, next) {
      const { answer, authInfo, disclosure } = await atWeb(context.req.raw)
      if (authInfo !== undefined) context.set('authInfo', authInfo)
      // Hono lays headers that were set before over a response that is returned: ours come after.
      if (answer !== undefined) context.res = responseOf(answer)
      else await next()
      for (const [name, value] of disclosure) context.header(name, value, { append: name === EXPOSE })
    },

    node,
  }
}

const EXPOSE = 'Access-Control-Expose-Headers'

function responseOf({ status, body, headers }: GateAnswer): Response {
  return new Response(body, { status, headers: { 'Content-Type': 'application/json', ...headers } })
}

function disclosed(response: Response, disclosure: Passage['disclosure']): Response {
  if (disclosure.length === 0) return response
  // Headers of a response that was fetched cannot be changed; those of a copy can.
  const copy = new Response(response.body, response)
  for (const [name, value] of disclosure) {
    if (name === EXPOSE) copy.headers.append(name, value)
    else copy.headers.set(name, value)
  }
  return copy
}
