import type { IncomingMessage, ServerResponse } from 'node:http'
import { cors } from '@connectrpc/connect'

/** Who may call the web listener. */
export interface WebGuard {
  /**
   * Answers requests that go no further: a foreign Host, a foreign Origin, a preflight.
   * Returns whether the request was answered.
   */
  handled(request: IncomingMessage, response: ServerResponse): boolean
}

const PREFLIGHT_MAX_AGE_SECONDS = 600

/**
 * A web page can make its visitor's browser send requests here, by address or by a name
 * that it rebinds. So the Host must be this machine's own, or the address of the connection
 * itself, and an Origin, where there is one, must be configured. Without configured origins
 * no page gets through and no CORS header is ever sent.
 */
export function createWebGuard(allowedOrigins: readonly string[]): WebGuard {
  const origins = new Set(allowedOrigins)
  return {
    handled(request, response) {
      if (!isOwnHost(request.headers.host, request.socket.localAddress)) {
        refuse(response, 'This Host is not served here. Use the address that the core listens on.')
        return true
      }
      const { origin } = request.headers
      if (origin === undefined) return false
      response.setHeader('vary', 'origin')
      if (!origins.has(origin)) {
        refuse(response, 'Pages of this origin may not call the core. Its operator can allow it in web.allowedOrigins.')
        return true
      }
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-expose-headers', cors.exposedHeaders.join(', '))
      if (request.method !== 'OPTIONS') return false
      response.writeHead(204, {
        'access-control-allow-methods': cors.allowedMethods.join(', '),
        'access-control-allow-headers': cors.allowedHeaders.join(', '),
        'access-control-max-age': String(PREFLIGHT_MAX_AGE_SECONDS),
      })
      response.end()
      return true
    },
  }
}

function refuse(response: ServerResponse, text: string): void {
  response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${text}\n`)
}

/** Accepts `localhost`, literal loopback addresses, and the address of this very connection. */
function isOwnHost(host: string | undefined, localAddress: string | undefined): boolean {
  if (host === undefined) return false
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '127.0.0.1' || name === '::1' || name === localAddress
}
