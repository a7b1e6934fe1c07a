import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { createAdaptorServer } from '@hono/node-server'
import { bindServer } from './bind-server.ts'
import { type ServerTls, toContextOptions, toTlsOptions } from './server-tls.ts'

export interface RegistryListenerOptions {
  readonly fetch: (request: Request, env: unknown) => Response | Promise<Response>
  /** Absent: plaintext HTTP. */
  readonly tls: ServerTls | undefined
  readonly maxConnections: number
}

/** HTTP/1.1, with or without TLS. */
export interface RegistryListener {
  /** Resolves to the port that was bound. Rejects with `AddressRefused`. */
  listen(host: string, port: number): Promise<number>
  /** Takes no new connections and waits until the open requests are answered. */
  drain(): Promise<void>
  /** Ends everything at once. */
  close(): void
}

/** Slow senders hold a connection no longer than this. */
const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 5_000

export function createRegistryListener({ fetch, tls, maxConnections }: RegistryListenerOptions): RegistryListener {
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS }
  const server = createAdaptorServer({
    fetch,
    ...(tls === undefined
      ? { createServer: createHttpServer, serverOptions: timeouts }
      : { createServer: createHttpsServer, serverOptions: { ...timeouts, ...toTlsOptions(tls) } }),
  }) as Server | HttpsServer
  if (tls !== undefined && 'setSecureContext' in server) {
    tls.onChange((material) => server.setSecureContext(toContextOptions(tls, material)))
  }
  server.maxConnections = maxConnections
  return {
    listen: (host, port) => bindServer(server, host, port),
    drain: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
    close: () => server.closeAllConnections(),
  }
}
