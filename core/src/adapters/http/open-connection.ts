import { isIP, connect as netConnect, type Socket } from 'node:net'
import { type SecureContext, connect as tlsConnect } from 'node:tls'
import { errorCode } from '../evidence/error-code.ts'
import { OutboundFailure } from './outbound-failure.ts'
import type { OutboundTarget } from './outbound-target.ts'

/** Begins a TCP connection to one of the addresses, which were checked. Resolves nothing itself. */
export type Dial = (at: { readonly addresses: readonly string[]; readonly port: number }) => Socket

/** Tries the addresses in their order, the next one when one does not answer. */
export const systemDial: Dial = ({ addresses, port }) => {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return netConnect({
    host: 'checked.invalid',
    port,
    autoSelectFamily: true,
    // The name above is never looked up: this is asked in its place.
    lookup: (_name, _options, callback) => callback(null, found),
  })
}

export interface OpenOptions {
  readonly dial: Dial
  readonly roots: SecureContext
  readonly signal: AbortSignal
}

/**
 * Opens the connection for one request, up to a verified certificate. The certificate must
 * be that of the target's host, whatever address answers. Verification is demanded here
 * and not left to the process, where `NODE_TLS_REJECT_UNAUTHORIZED` could turn it off.
 *
 * @throws {OutboundFailure} unreachable, tls; or the signal's reason
 */
export async function openConnection(
  target: OutboundTarget,
  addresses: readonly string[],
  { dial, roots, signal }: OpenOptions,
): Promise<Socket> {
  signal.throwIfAborted()
  const plain = dial({ addresses, port: target.port })
  let isConnected = false
  plain.once('connect', () => {
    isConnected = true
  })
  const socket = target.secure ? startTls(plain, target.host, roots) : plain

  return new Promise((resolve, reject) => {
    const fail = (reason: unknown): void => {
      socket.destroy()
      signal.removeEventListener('abort', abandon)
      reject(reason)
    }
    const abandon = (): void => fail(signal.reason)
    signal.addEventListener('abort', abandon, { once: true })
    // Stays for the life of the socket: an error nobody listens to would end the process.
    socket.on('error', (cause) => fail(connectionFailure(target, isConnected, cause)))
    socket.once(target.secure ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', abandon)
      resolve(socket)
    })
  })
}

function startTls(socket: Socket, host: string, secureContext: SecureContext): Socket {
  return tlsConnect({
    socket,
    secureContext,
    // What the certificate is compared with. SNI names no IP addresses (RFC 6066).
    host,
    ...(isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
  })
}

function connectionFailure(target: OutboundTarget, isConnected: boolean, cause: Error): OutboundFailure {
  const code = errorCode(cause) ?? 'no code'
  if (!isConnected) {
    return new OutboundFailure('unreachable', `${target.origin} takes no connection (${code})`, { cause })
  }
  return new OutboundFailure('tls', `${target.origin} has no verified TLS connection to offer (${code})`, { cause })
}
