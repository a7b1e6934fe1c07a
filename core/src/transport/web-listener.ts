import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { ConnectRouter } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import type { Telemetry } from '../ports/telemetry.ts'
import { bindServer } from './bind-server.ts'
import { createEvidenceFilesHandler, type EvidenceFiles } from './evidence-files.ts'
import { createOpenAnswers } from './open-answers.ts'
import { readToTheEnd } from './read-to-the-end.ts'
import { type ServerTls, toContextOptions, toTlsOptions } from './server-tls.ts'
import { createCertifiedHosts, createWebGuard } from './web-guard.ts'
import { webOrigin } from './web-origin.ts'

export interface WebListenerOptions {
  /** What keeps the core from deciding; empty when it is ready. */
  readonly notReadyReasons: () => readonly string[]
  /** Metrics in Prometheus text form, and their content type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  /** Services for Connect and gRPC-Web. */
  readonly routes: (router: ConnectRouter) => void
  /** The log, for checkers. Absent: it is not served. */
  readonly evidence?: EvidenceFiles | undefined
  /** Origins whose pages may call. */
  readonly allowedOrigins: readonly string[]
  readonly maxMessageBytes: number
  readonly maxConnections: number
  /** Absent: plaintext. */
  readonly tls?: ServerTls | undefined
  readonly telemetry: Pick<Telemetry, 'connectionRefused'>
}

/** HTTP/1.1: Connect, gRPC-Web, `/healthz`, `/readyz`, `/metrics` and the log under `/evidence/`. */
export interface WebListener {
  /** Resolves to the port that was bound. Rejects with `AddressRefused`. */
  listen(host: string, port: number): Promise<number>
  /** Takes no new connections and closes idle ones; open requests go on. */
  drain(): void
  /** Waits until every answer is sent, but only a moment: a client may never read, or end its request. */
  drained(): Promise<void>
  /** Ends everything at once. */
  close(): Promise<void>
}

/** Time for the last answers to be sent. */
const LINGER_MS = 1_000

const TIMEOUTS = { requestTimeout: 30_000, headersTimeout: 5_000 }

const PATHS: readonly string[] = ['/healthz', '/readyz', '/metrics']

export function createWebListener(options: WebListenerOptions): WebListener {
  const { notReadyReasons, metrics, routes, allowedOrigins, evidence, maxMessageBytes, maxConnections, tls } = options
  const guard = createWebGuard(allowedOrigins, tls && createCertifiedHosts(tls))
  const serveEvidence = evidence && createEvidenceFilesHandler(evidence)
  const rpc = connectNodeAdapter({
    routes,
    fallback: endpoints as never,
    readMaxBytes: maxMessageBytes,
    // A demand or credential under a misspelled name must not pass for one that was left out.
    jsonOptions: { ignoreUnknownFields: false },
    grpc: false,
    contextValues: webOrigin,
  })
  const answers = createOpenAnswers()
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    answers.add(response)
    readToTheEnd(request, response)
    if (guard.handled(request, response) || serveEvidence?.(request, response)) return
    rpc(request, response)
  }
  const server = tls === undefined ? createServer(TIMEOUTS, serve) : createSecured(tls, serve, options.telemetry)
  server.maxConnections = maxConnections
  server.on('drop', () => options.telemetry.connectionRefused({ listener: 'web', reason: 'limit' }))

  function endpoints(request: IncomingMessage, response: ServerResponse): void {
    respond(request, response).catch(() => response.destroy())
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, text: string, contentType = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, {
        'content-type': contentType,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      response.end(request.method === 'HEAD' ? undefined : text)
    }
    const path = request.url?.split('?', 1)[0] ?? ''
    // An unknown path is 404 for every method: RPC clients read that as UNIMPLEMENTED.
    if (!PATHS.includes(path))
      return send(404, `Nothing here. Try ${PATHS.join(', ')}, or an RPC that GetServerInfo lists.\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'Only GET is served here.\n')
    switch (path) {
      case '/healthz':
        return send(200, 'ok\n')
      case '/readyz': {
        const reasons = notReadyReasons()
        return reasons.length === 0 ? send(200, 'ready\n') : send(503, `not ready\n${reasons.join('\n')}\n`)
      }
      default: {
        const { contentType, text } = await metrics()
        return send(200, text, contentType)
      }
    }
  }

  return {
    listen: (host, port) => bindServer(server, host, port),
    drain() {
      server.close()
      server.closeIdleConnections()
    },
    drained: () => answers.sent(LINGER_MS),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function createSecured(
  tls: ServerTls,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
  telemetry: WebListenerOptions['telemetry'],
): Server {
  const server = createHttpsServer({ ...toTlsOptions(tls), ...TIMEOUTS }, serve)
  server.on('tlsClientError', () => telemetry.connectionRefused({ listener: 'web', reason: 'tls' }))
  tls.onChange((material) => server.setSecureContext(toContextOptions(tls, material)))
  return server
}
