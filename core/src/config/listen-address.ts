import { isIP } from 'node:net'
import { posix } from 'node:path'
import type { TcpAddress } from './config.ts'
import { ValueRefused } from './value-refused.ts'

/** A place to listen. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly address: TcpAddress }
  | { readonly kind: 'unix'; readonly path: string }

/** `sun_path` of Linux without its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107

/** Labels of a host name (RFC 1123). A name of digits and dots only is a misspelt IPv4 address. */
const HOST_NAME =
  /^(?=.{1,253}$)(?![0-9.]+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH` or `unix:///PATH`.
 *
 * @param base folder that a relative socket path starts from
 * @throws {ValueRefused}
 */
export function parseListenAddress(text: string, base: string): ListenAddress {
  if (text.startsWith('unix:')) return { kind: 'unix', path: parseSocketPath(text, base) }
  return { kind: 'tcp', address: parseTcpAddress(text) }
}

/** @throws {ValueRefused} */
export function parseTcpAddress(text: string): TcpAddress {
  if (text.includes('/')) throw new ValueRefused('A listener is HOST:PORT or unix:/PATH, not a URL')
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, Math.max(colon, 0))
  const port = text.slice(colon + 1)
  if (colon < 0 || !/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new ValueRefused('A listener is HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:50051')
  }
  if (host === '') {
    throw new ValueRefused(
      `No host means every interface: write 127.0.0.1:${port}, or 0.0.0.0:${port} if that is meant`,
    )
  }
  return { host: parseHost(host), port: Number(port) }
}

/**
 * Reads the path of a socket, with or without `unix:` or `unix://` before it.
 *
 * @throws {ValueRefused}
 */
export function parseSocketPath(text: string, base: string): string {
  const written = text.startsWith('unix://') ? text.slice('unix://'.length) : text.replace(/^unix:/, '')
  if (text.startsWith('unix://') && !written.startsWith('/')) {
    throw new ValueRefused('After unix:// comes an absolute path: write unix:///run/capiscio.sock')
  }
  if (written === '' || written.includes('\0'))
    throw new ValueRefused('The socket has no path: write unix:/run/capiscio.sock')
  const path = posix.resolve(base, written)
  const bytes = new TextEncoder().encode(path).length
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new ValueRefused(
      `The path of a socket has at most ${MAX_SOCKET_PATH_BYTES} bytes, and this one ${bytes}: use a shorter one`,
    )
  }
  return path
}

/** Whether only this machine reaches the address. A name other than localhost may mean anything. */
export function isLoopback({ host }: TcpAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function parseHost(host: string): string {
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1]
  if (bracketed !== undefined) {
    if (isIP(bracketed) === 6) return bracketed
    throw new ValueRefused('Between [ and ] stands an IPv6 address, such as [::1]:50051')
  }
  if (isIP(host) === 6) throw new ValueRefused(`Write an IPv6 address in brackets: [${host}]:PORT`)
  if (isIP(host) === 4 || HOST_NAME.test(host)) return host.toLowerCase()
  throw new ValueRefused('The host is neither an IP address nor a host name')
}
