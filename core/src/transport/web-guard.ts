import { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { cors } from '@connectrpc/connect'
import type { ServerTls } from './server-tls.ts'

/** Who may call the web listener. */
export interface WebGuard {
  /**
   * Answers requests that go no further: a foreign Host, a foreign Origin, a preflight.
   * Returns whether the request was answered.
   */
  handled(request: IncomingMessage, response: ServerResponse): boolean
}

/** What pages of allowed origins may send and read. */
export interface CorsTerms {
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposed: readonly string[]
  /** Whether the listener's own origin may call. Only browsers name origins, and they name this one to nobody else. */
  readonly ownOrigin: boolean
  /** Where an operator allows more origins. */
  readonly setting: string
}

const PREFLIGHT_MAX_AGE_SECONDS = 600

const RPC_TERMS: CorsTerms = {
  methods: cors.allowedMethods,
  headers: [...cors.allowedHeaders, 'Authorization'],
  exposed: cors.exposedHeaders,
  ownOrigin: false,
  setting: 'web.allowedOrigins',
}

/**
 * A web page can make its visitor's browser send requests here, by address or by a name
 * that it rebinds. So the Host must be this machine's own, or the address of the connection
 * itself, and an Origin, where there is one, must be configured. Without configured origins
 * no page gets through and no CORS header is ever sent.
 *
 * @param isCertified whether a host name is one of the certificate's, or of the operator's. A
 *   rebound name is none of them, and its browser would not have connected
 * @param terms default: those of Connect and gRPC-Web
 */
export function createWebGuard(
  allowedOrigins: readonly string[],
  isCertified: (name: string) => boolean = () => false,
  terms: CorsTerms = RPC_TERMS,
): WebGuard {
  const origins = new Set(allowedOrigins)
  return {
    handled(request, response) {
      const { host, origin } = request.headers
      const name = hostName(host)
      if (!isOwnHost(name, request.socket.localAddress) && !isCertified(name)) {
        refuse(response, 'This Host is not served here. Use the address that is listened on.')
        return true
      }
      if (origin === undefined) return false
      response.setHeader('vary', 'origin')
      const isOwn = terms.ownOrigin && [`http://${host}`, `https://${host}`].includes(origin)
      if (!isOwn && !origins.has(origin)) {
        refuse(response, `Pages of this origin may not call. The operator can allow it: ${terms.setting}.`)
        return true
      }
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-expose-headers', terms.exposed.join(', '))
      if (request.method !== 'OPTIONS') return false
      response.writeHead(204, {
        'access-control-allow-methods': terms.methods.join(', '),
        'access-control-allow-headers': terms.headers.join(', '),
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

/** The names that a server's certificate covers, as it is renewed. */
export function createCertifiedHosts(tls: ServerTls): (name: string) => boolean {
  let certificate = new X509Certificate(tls.material().certificatePem)
  tls.onChange(({ certificatePem }) => {
    certificate = new X509Certificate(certificatePem)
  })
  return (name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined
}

/** The name in a Host header, without port and brackets; empty when there is none. */
function hostName(host = ''): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** Accepts `localhost`, literal loopback addresses, and the address of this very connection. */
function isOwnHost(name: string, localAddress: string | undefined): boolean {
  return name === 'localhost' || name === '127.0.0.1' || name === '::1' || (name !== '' && name === localAddress)
}
