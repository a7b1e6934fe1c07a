import { Server, ServerCredentials } from '@grpc/grpc-js'
import { addressRefused } from './address-refused.ts'
import type { GrpcService } from './grpc-handlers.ts'
import { prepareUnixSocket, withPrivateUmask } from './unix-socket.ts'

export interface GrpcListenerOptions {
  readonly services: readonly GrpcService[]
  /** Largest message in either direction. */
  readonly maxMessageBytes: number
  /** Streams that one connection may have open. */
  readonly maxConcurrentStreams: number
}

/** A gRPC server that may be bound to several addresses. */
export interface GrpcListener {
  /** Resolves to the port that was bound. Rejects when it is taken. */
  listenTcp(host: string, port: number): Promise<number>
  /** Binds a Unix socket with mode 0600, taking over only a dead one. */
  listenUnix(path: string): Promise<void>
  /** Refuses new calls, waits for the accepted ones. */
  drain(): Promise<void>
  /** Ends every call at once. */
  abort(): void
}

/** Plaintext HTTP/2, for loopback and Unix sockets. */
export function createGrpcListener({
  services,
  maxMessageBytes,
  maxConcurrentStreams,
}: GrpcListenerOptions): GrpcListener {
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': maxConcurrentStreams,
  })
  for (const { definition, handlers } of services) server.addService(definition, handlers)

  const bind = (address: string): Promise<number> =>
    new Promise((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port)
        else reject(addressRefused(address, error))
      })
    })

  return {
    listenTcp: (host, port) => bind(`${host.includes(':') ? `[${host}]` : host}:${port}`),
    async listenUnix(path) {
      await prepareUnixSocket(path)
      await withPrivateUmask(() => bind(`unix:${path}`))
    },
    drain: () =>
      new Promise((resolve, reject) => {
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)))
      }),
    abort: () => server.forceShutdown(),
  }
}
