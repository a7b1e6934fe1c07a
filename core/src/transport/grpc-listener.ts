import { type AddressInfo, createServer, type ListenOptions, type Server as NetServer } from 'node:net'
import type { DescService } from '@bufbuild/protobuf'
import { Health } from '@capiscio/proto/grpc/health/v1'
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js'
import { addressRefused } from './address-refused.ts'
import type { GrpcService } from './grpc-handlers.ts'
import { createGrpcHealth } from './grpc-health.ts'
import { addGrpcReflection } from './grpc-reflection.ts'
import { prepareUnixSocket, withPrivateUmask } from './unix-socket.ts'

export interface GrpcListenerOptions {
  readonly services: readonly GrpcService[]
  /** The same services for health and reflection. */
  readonly described: readonly DescService[]
  /** Largest message in either direction. */
  readonly maxMessageBytes: number
  /** Streams that one connection may have open. */
  readonly maxConcurrentStreams: number
  /** Connections on all addresses together; one more is closed at once. */
  readonly maxConnections: number
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

/** Plaintext HTTP/2, for loopback and Unix sockets. */
export function createGrpcListener(options: GrpcListenerOptions): GrpcListener {
  const { services, described, maxMessageBytes, maxConcurrentStreams, maxConnections } = options
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': maxConcurrentStreams,
  })
  for (const { definition, handlers } of services) server.addService(definition, handlers)
  const health = createGrpcHealth(described.map(({ typeName }) => typeName))
  health.addToServer(server)
  addGrpcReflection(server, [...described, Health])

  // The sockets are ours and handed over one by one: so they can be counted, and a Unix
  // socket can be made private before anybody sees it.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const listeners: NetServer[] = []
  let connections = 0
  let onLastClosed = (): void => {}

  function listen(shown: string, where: ListenOptions): Promise<NetServer> {
    const listener = createServer({ noDelay: true }, (socket) => {
      if (connections >= maxConnections) {
        socket.destroy()
        return
      }
      connections += 1
      socket.once('close', () => {
        connections -= 1
        if (connections === 0) onLastClosed()
      })
      injector.injectConnection(socket)
    })
    return new Promise((resolve, reject) => {
      const refuse = (error: Error): void => reject(addressRefused(shown, error))
      listener.once('error', refuse)
      listener.listen(where, () => {
        listener.off('error', refuse)
        listeners.push(listener)
        resolve(listener)
      })
    })
  }

  const stopListening = (): void => {
    for (const listener of listeners) listener.close()
  }

  return {
    async listenTcp(host, port) {
      const listener = await listen(`${host}:${port}`, { host, port })
      return (listener.address() as AddressInfo).port
    },
    async listenUnix(path) {
      await prepareUnixSocket(path)
      await withPrivateUmask(() => listen(path, { path }))
    },
    setServing: (serving) => health.set(serving),
    goAway() {
      stopListening()
      // Its callback comes too early where Node closes sessions by itself; see `drained`.
      server.tryShutdown(() => {})
    },
    drained() {
      if (connections === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const linger = setTimeout(resolve, LINGER_MS)
        onLastClosed = () => {
          clearTimeout(linger)
          resolve()
        }
      })
    },
    abort() {
      stopListening()
      server.forceShutdown()
    },
  }
}
