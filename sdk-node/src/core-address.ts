import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import { CoreAddressError } from '@capiscio/proto/sdk'

/** Where a core listens, decided. `target` is what the gRPC library reads, `label` what messages show. */
export interface CoreAddress {
  readonly kind: 'unix' | 'plaintext' | 'tls'
  readonly target: string
  readonly label: string
}

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Reads an address: `unix:/path`, `unix:///path`, `https://host:port` (TLS) or `host:port`
 * (plaintext).
 *
 * @param insecure Allow plaintext to a host that is not this machine. Badges and API keys
 * are then readable on the network.
 * @throws CoreAddressError for any other form, and for plaintext to another machine.
 */
export function parseCoreAddress(text: string, insecure = false): CoreAddress {
  if (text.startsWith('unix:')) return parseUnix(text)
  if (/^https:/i.test(text)) return parseHttps(text)
  const match = HOST_PORT.exec(text)
  const [, ipv6, name, port] = match ?? []
  const host = ipv6 ?? name
  if (host === undefined || port === undefined || (ipv6 !== undefined && isIP(ipv6) !== 6)) return refuse(text)
  requirePort(port, text)
  if (!insecure && !isLoopback(host)) {
    throw new CoreAddressError(
      `The core at "${text}" would be asked without encryption over the network, where credentials can be read. ` +
        `Use "https://${text}", a Unix socket, or createCoreClient({ address, insecure: true }) if the network is trusted.`,
    )
  }
  return { kind: 'plaintext', target: `dns:${text}`, label: text }
}

/** The address in `CAPISCIO_CORE_ADDR`; undefined when it is unset or empty. */
export function coreAddressFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return environment.CAPISCIO_CORE_ADDR || undefined
}

function parseUnix(text: string): CoreAddress {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
  // `unix://host/path` would name another machine, which a Unix socket cannot.
  if (path === '' || path.startsWith('//') || path.includes('\0')) return refuse(text)
  const absolute = resolve(path)
  return { kind: 'unix', target: `unix:${absolute}`, label: `unix:${absolute}` }
}

function parseHttps(text: string): CoreAddress {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return refuse(text)
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.hostname === '') return refuse(text)
  const host = `${url.hostname}:${url.port === '' ? '443' : url.port}`
  return { kind: 'tls', target: `dns:${host}`, label: `https://${host}` }
}

/** Whether a plaintext address is on this machine. */
export function isLoopbackAddress({ label }: CoreAddress): boolean {
  const [, ipv6, name = ''] = HOST_PORT.exec(label) ?? []
  return isLoopback(ipv6 ?? name)
}

function requirePort(port: string, text: string): void {
  if (Number(port) < 1 || Number(port) > 65_535) refuse(text)
}

/** Whether an IP address without brackets, or a name, is this machine. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === 'localhost'
  return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

function refuse(text: string): never {
  // What looks like a password before `@` is not repeated.
  const shown = text.includes('@') ? 'The address of the core' : `The address of the core, "${text}",`
  throw new CoreAddressError(`${shown} must be host:port, unix:/path or https://host:port, with nothing else in it.`)
}
