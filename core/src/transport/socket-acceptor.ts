import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { ConnectionRefusal, Telemetry } from '../ports/telemetry.ts'
import { addressRefused } from './address-refused.ts'
import { type ServerTls, toContextOptions, toTlsOptions } from './server-tls.ts'

export interface SocketAcceptorOptions {
  /** Connections on all addresses together; one more is closed at once. */
  readonly maxConnections: number
  /** For TCP. Absent: plaintext. */
  readonly tls?: ServerTls | undefined
  readonly telemetry: Pick<Telemetry, 'connectionRefused'>
}

/** Where a connection came in. */
export type Listener = 'tcp' | 'socket'

/**
 * Accepts connections and hands them over one by one, TLS done, so that they can be
 * counted, and a Unix socket can be made private before anybody sees it.
 */
export interface SocketAcceptor {
  /** Resolves when bound. Rejects with `AddressRefused`. */
  listen(listener: Listener, shown: string, where: ListenOptions, take: (socket: Socket) => void): Promise<Server>
  /** Takes no new connections. */
  stop(): void
  /** Resolves when no connection is left, and at the latest after `lingerMs`. */
  emptied(lingerMs: number): Promise<void>
  /** Ends every connection at once, those still in their handshake included. */
  destroy(): void
}

/** HTTP/2, as it is agreed upon in the handshake (RFC 9113 §3.2). */
const H2 = 'h2'

export function createSocketAcceptor({ maxConnections, tls, telemetry }: SocketAcceptorOptions): SocketAcceptor {
  const servers: Server[] = []
  const open = new Set<Socket>()
  let onLastClosed = (): void => {}

  function count(socket: Socket): boolean {
    if (open.size >= maxConnections) return false
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      if (open.size === 0) onLastClosed()
    })
    return true
  }

  return {
    listen(listener, shown, where, take) {
      const refused = (reason: ConnectionRefusal): void => telemetry.connectionRefused({ listener, reason })
      const secured = listener === 'tcp' && tls !== undefined ? createTlsFront(tls, take, refused) : undefined
      const server = createServer({ noDelay: true }, (socket) => {
        if (!count(socket)) {
          refused('limit')
          socket.destroy()
        } else if (secured === undefined) take(socket)
        else secured.emit('connection', socket)
      })
      return new Promise((resolve, reject) => {
        const refuse = (error: Error): void => reject(addressRefused(shown, error))
        server.once('error', refuse)
        server.listen(where, () => {
          server.off('error', refuse)
          servers.push(server)
          resolve(server)
        })
      })
    },
    stop() {
      for (const server of servers) server.close()
    },
    emptied(lingerMs) {
      if (open.size === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const linger = setTimeout(resolve, lingerMs)
        onLastClosed = () => {
          clearTimeout(linger)
          resolve()
        }
      })
    },
    destroy() {
      for (const socket of open) socket.destroy()
    },
  }
}

/** Does the handshake on sockets that it is given; what speaks no TLS or no HTTP/2 gets no further. */
function createTlsFront(
  tls: ServerTls,
  take: (socket: TLSSocket) => void,
  refused: (reason: ConnectionRefusal) => void,
): TlsServer {
  const front = createTlsServer({ ...toTlsOptions(tls), ALPNProtocols: [H2] }, (socket) => {
    if (socket.alpnProtocol === H2) return take(socket)
    refused('protocol')
    socket.destroy()
  })
  front.on('tlsClientError', (_error, socket) => {
    refused('tls')
    socket.destroy()
  })
  tls.onChange((material) => front.setSecureContext(toContextOptions(tls, material)))
  return front
}
