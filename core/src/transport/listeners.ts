import type { Telemetry } from '../ports/telemetry.ts'
import { isAdminMethod } from '../service/admin-methods.ts'
import { implementedMethods, type ServiceImplementation } from '../service/service-implementation.ts'
import { AddressRefused } from './address-refused.ts'
import type { AdminGate } from './admin-gate.ts'
import type { BearerTokens } from './bearer-token.ts'
import { createCallGate } from './call-gate.ts'
import { addConnectRoutes } from './connect-routes.ts'
import type { EvidenceFiles } from './evidence-files.ts'
import { toGrpcService } from './grpc-handlers.ts'
import { createGrpcListener } from './grpc-listener.ts'
import type { ServerTls } from './server-tls.ts'
import { createWebListener } from './web-listener.ts'

export interface Address {
  readonly host: string
  /** 0 means any free port. */
  readonly port: number
}

export interface ListenersOptions {
  /** Everything that the gRPC listener offers. */
  readonly services: readonly ServiceImplementation[]
  /** The part of it that the web listener offers too. */
  readonly webServices: readonly ServiceImplementation[]
  readonly telemetry: Telemetry
  readonly notReadyReasons: () => readonly string[]
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly allowedOrigins: readonly string[]
  /** For the TCP and the web listener. Absent: both are plaintext. */
  readonly tls?: ServerTls | undefined
  /** Wanted with every call over TCP and the web listener. Absent: none is. */
  readonly tokens?: BearerTokens | undefined
  /** The log, for the web listener. Absent: it is not served. */
  readonly evidence?: EvidenceFiles | undefined
  /** Keeps the calls of operators to operators. */
  readonly admin: AdminGate
  readonly limits: {
    readonly maxMessageBytes: number
    readonly maxConcurrentStreams: number
    readonly maxConnections: number
  }
}

export interface ListenAt {
  readonly tcp?: Address
  readonly socket?: string
  readonly http?: Address
  /** A taken port is replaced by a free one. */
  readonly portFallback: boolean
}

/** Where a core is reached; what is absent was not asked for. With TLS, `tcp` and `http` begin with `https://`. */
export interface BoundAddresses {
  readonly tcp?: string
  readonly socket?: string
  readonly http?: string
}

/** All listeners of a core, which open, drain and close together. */
export interface Listeners {
  /** @throws {AddressRefused} */
  bind(at: ListenAt): Promise<BoundAddresses>
  /** Tells health watchers. */
  setServing(serving: boolean): void
  /** Refuses new calls; resolves when every accepted one is answered and the answers are sent. */
  drain(): Promise<void>
  /** Ends everything at once. */
  close(): Promise<void>
}

/** A client that is stopped by a debugger, or busy, for less than a minute keeps its connection. */
const KEEPALIVE = { everyMs: 60_000, answerWithinMs: 20_000 }

/** @throws {TypeError} when a call of operators is to be offered on the web */
export function createListeners(options: ListenersOptions): Listeners {
  const { services, webServices, telemetry, tls, tokens, admin, limits } = options
  refuseAdminOnTheWeb(webServices)
  const gate = createCallGate()
  const grpc = createGrpcListener({
    services: (originOf) => services.map((service) => toGrpcService(service, gate, telemetry, originOf, admin)),
    described: services.map(({ service }) => service),
    keepalive: KEEPALIVE,
    tls,
    tokens,
    telemetry,
    ...limits,
  })
  const web = createWebListener({
    ...options,
    ...limits,
    routes: (router) => addConnectRoutes(router, webServices, gate, telemetry, tokens),
  })
  return {
    async bind({ tcp, socket, http, portFallback }) {
      const bind = async ({ host, port }: Address, listen: (host: string, port: number) => Promise<number>) => {
        const shown = host.includes(':') ? `[${host}]` : host
        try {
          return `${shown}:${await listen(host, port)}`
        } catch (error) {
          if (!(portFallback && error instanceof AddressRefused && error.taken)) throw error
          return `${shown}:${await listen(host, 0)}`
        }
      }
      if (socket !== undefined) await grpc.listenUnix(socket)
      return {
        ...(socket !== undefined && { socket: `unix:${socket}` }),
        ...(tcp && { tcp: `${tls ? 'https://' : ''}${await bind(tcp, grpc.listenTcp)}` }),
        ...(http && { http: `${tls ? 'https' : 'http'}://${await bind(http, web.listen)}` }),
      }
    },
    setServing: (serving) => grpc.setServing(serving),
    async drain() {
      const answered = gate.close()
      grpc.setServing(false)
      web.drain()
      grpc.goAway()
      await answered
      await Promise.all([grpc.drained(), web.drained()])
    },
    async close() {
      grpc.abort()
      await web.close()
    },
  }
}

/** A browser may be on the other side of the web listener, which has no gate for operators. */
function refuseAdminOnTheWeb(webServices: readonly ServiceImplementation[]): void {
  const path = implementedMethods(webServices).find(isAdminMethod)
  if (path !== undefined) throw new TypeError(`${path} is for operators and not for the web listener`)
}
