import type { AddressInfo } from 'node:net'
import type { DescService } from '@bufbuild/protobuf'
import { Health } from '@capiscio/proto/grpc/health/v1'
import {
  type ConnectionInjector,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type ServerOptions,
  setLogVerbosity,
} from '@grpc/grpc-js'
import type { Telemetry } from '../ports/telemetry.ts'
import type { BearerTokens } from './bearer-token.ts'
import { UNIX_ORIGIN } from './call-origin.ts'
import type { GrpcService } from './grpc-handlers.ts'
import { createGrpcHealth } from './grpc-health.ts'
import { type OriginOf, tcpOrigin } from './grpc-origin.ts'
import { addGrpcReflection } from './grpc-reflection.ts'
import { requireBearerToken } from './grpc-token.ts'
import type { ServerTls } from './server-tls.ts'
import { createSocketAcceptor } from './socket-acceptor.ts'
import { prepareUnixSocket, withPrivateUmask } from './unix-socket.ts'

export interface GrpcListenerOptions {
  /** The services, with handlers that see where a call comes from. */
  readonly services: (originOf: OriginOf) => readonly GrpcService[]
  /** The same services for health and reflection. */
  readonly described: readonly DescService[]
  /** Largest message in either direction. */
  readonly maxMessageBytes: number
  /** Streams that one connection may have open. */
  readonly maxConcurrentStreams: number
  /** Connections on all addresses together; one more is closed at once. */
  readonly maxConnections: number
  /** How the other end of a TCP connection is found to be gone. */
  readonly keepalive: Keepalive
  /** For TCP. Absent: plaintext. */
  readonly tls?: ServerTls | undefined
  /** Wanted with every call over TCP. Absent: none is. */
  readonly tokens?: BearerTokens | undefined
  readonly telemetry: Telemetry
}

/**
 * Every connection is asked for a sign of life, and closed without one: a machine that went
 * away says nothing, and a connection that never speaks HTTP/2 would take a place for ever.
 */
export interface Keepalive {
  readonly everyMs: number
  readonly answerWithinMs: number
}

/** A gRPC server that may be bound to several addresses. */
export interface GrpcListener {
  /** Resolves to the port that was bound. Rejects with `AddressRefused`. */
  listenTcp(host: string, port: number): Promise<number>
  /** Binds a Unix socket with mode 0600, taking over only a dead one. Rejects with `AddressRefused`. */
  listenUnix(path: string): Promise<void>
  /** What `grpc.health.v1` tells, also to watchers. */
  setServing(serving: boolean): void
  /** Takes no new connections and tells every client to go. */
  goAway(): void
  /** Waits for the clients to be gone, but only a moment: health watches have no end of their own. */
  drained(): Promise<void>
  /** Ends every call at once. */
  abort(): void
}

// The library prints to standard error on its own; what matters reaches our log as errors.
setLogVerbosity(logVerbosity.NONE)

/** Time for the last answers to leave a connection that some watcher keeps open. */
const LINGER_MS = 1_000

/**
 * HTTP/2 on TCP and on Unix sockets. Each has a server of its own, so that a call's way in
 * is known from the start and nothing about a connection can make it a local one.
 */
export function createGrpcListener(options: GrpcListenerOptions): GrpcListener {
  const { services, described, maxMessageBytes, maxConcurrentStreams, keepalive, tokens, telemetry } = options
  const health = createGrpcHealth(described.map(({ typeName }) => typeName))
  const acceptor = createSocketAcceptor(options)

  function createServer(originOf: OriginOf, interceptors: ServerInterceptor[], more: ServerOptions = {}): Server {
    const server = new Server({
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc.max_concurrent_streams': maxConcurrentStreams,
      interceptors,
      ...more,
    })
    for (const { definition, handlers } of services(originOf)) server.addService(definition, handlers)
    health.addToServer(server)
    addGrpcReflection(server, [...described, Health])
    return server
  }
  const tcpServer = createServer(tcpOrigin, tokens === undefined ? [] : [requireBearerToken(tokens, telemetry)], {
    'grpc.keepalive_time_ms': keepalive.everyMs,
    'grpc.keepalive_timeout_ms': keepalive.answerWithinMs,
  })
  // The other end of a Unix socket is on this machine, which tells when it is gone.
  const unixServer = createServer(() => UNIX_ORIGIN, [])
  const servers = [tcpServer, unixServer]
  const tcp = injectorOf(tcpServer)
  const unix = injectorOf(unixServer)

  return {
    async listenTcp(host, port) {
      const listener = await acceptor.listen('tcp', `${host}:${port}`, { host, port }, tcp)
      return (listener.address() as AddressInfo).port
    },
    async listenUnix(path) {
      await prepareUnixSocket(path)
      await withPrivateUmask(() => acceptor.listen('socket', path, { path }, unix))
    },
    setServing: (serving) => health.set(serving),
    goAway() {
      acceptor.stop()
      // Its callback comes too early where Node closes sessions by itself; see `drained`.
      for (const server of servers) server.tryShutdown(() => {})
    },
    drained: () => acceptor.emptied(LINGER_MS),
    abort() {
      acceptor.stop()
      for (const server of servers) server.forceShutdown()
      acceptor.destroy()
    },
  }
}

/** TLS, where there is any, is done before: the library gets connections that it may read. */
function injectorOf(server: Server): ConnectionInjector['injectConnection'] {
  return server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection
}
