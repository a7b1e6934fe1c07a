import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressRefused } from './address-refused.ts'

/** What the endpoints show. */
export interface HttpEndpointsOptions {
  /** Whether the process is alive. It is, when it can answer. */
  readonly notReadyReasons: () => readonly string[]
  /** Metrics in Prometheus text form, and their content type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

export interface HttpEndpoints {
  /** Resolves to the port that was bound. */
  listen(host: string, port: number): Promise<number>
  close(): Promise<void>
}

/**
 * `/healthz`, `/readyz` and `/metrics` over plain HTTP/1.1. Only requests that name this
 * host directly are answered, so that a web page cannot reach them by rebinding a name.
 */
export function createHttpEndpoints(options: HttpEndpointsOptions): HttpEndpoints {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    respond(request, response, options).catch(() => response.destroy())
  })
  return {
    listen: (host, port) => bind(server, host, port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function respond(request: IncomingMessage, response: ServerResponse, options: HttpEndpointsOptions) {
  const send = (status: number, text: string, contentType = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, {
      'content-type': contentType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(request.method === 'HEAD' ? undefined : text)
  }
  if (!isOwnHost(request.headers.host, request.socket.localAddress)) {
    return send(403, 'This Host is not served here. Use the address that the core listens on.\n')
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'Only GET is served here.\n')
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      return send(200, 'ok\n')
    case '/readyz': {
      const reasons = options.notReadyReasons()
      return reasons.length === 0 ? send(200, 'ready\n') : send(503, `not ready\n${reasons.join('\n')}\n`)
    }
    case '/metrics': {
      const { contentType, text } = await options.metrics()
      return send(200, text, contentType)
    }
    default:
      return send(404, 'Nothing here. Try /healthz, /readyz or /metrics.\n')
  }
}

/** Accepts `localhost` and literal addresses, and the address of this very connection. */
function isOwnHost(host: string | undefined, localAddress: string | undefined): boolean {
  if (host === undefined) return false
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '127.0.0.1' || name === '::1' || name === localAddress
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(addressRefused(`${host}:${port}`, error))
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
