import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server as NetServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

const TLS = join(import.meta.dirname, 'tls')

/** The root that signed `good`, `expired` and `other-host`. */
export const TEST_CA = readFileSync(join(TLS, 'issued', 'ca-cert.pem'), 'utf8')

export type CertificateName = 'good' | 'expired' | 'other-host' | 'self-signed'

/** A server on loopback, which counts what reaches it. Ends with the test. */
export interface CountingServer {
  readonly port: number
  /** TCP connections so far. */
  readonly connections: number
  /** Requests so far. */
  readonly requests: readonly IncomingMessage[]
}

export function certificate(name: CertificateName): { readonly cert: Buffer; readonly key: Buffer } {
  const place = name === 'self-signed' ? join(TLS, 'localhost') : join(TLS, 'issued', name)
  return { cert: readFileSync(`${place}-cert.pem`), key: readFileSync(`${place}-key.pem`) }
}

/** An HTTPS server. */
export async function startHttps(
  answer: RequestListener,
  options: ServerOptions & { readonly certificate?: CertificateName } = {},
): Promise<CountingServer> {
  const { certificate: name = 'good', ...rest } = options
  return counting(createHttpsServer({ ...certificate(name), ...rest }), answer)
}

/** A plaintext HTTP server. */
export async function startHttp(answer: RequestListener): Promise<CountingServer> {
  return counting(createHttpServer(), answer)
}

/** A server below HTTP, which does with each connection what the test says. */
export async function startTcp(serve: (socket: Socket) => void): Promise<CountingServer> {
  return listening(createTcpServer(serve), [])
}

async function counting(server: Server, answer: RequestListener): Promise<CountingServer> {
  const requests: IncomingMessage[] = []
  server.on('request', (request, response) => {
    requests.push(request)
    answer(request, response)
  })
  return listening(server, requests)
}

async function listening(server: NetServer, requests: IncomingMessage[]): Promise<CountingServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return connections
    },
  }
}
