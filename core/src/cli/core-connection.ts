import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js'

/** The core cannot be asked in this way. The message says what to do. */
export class CoreAddressRefused extends Error {
  override readonly name = 'CoreAddressRefused'
}

/** What a gRPC client is made with, and what it sends with every call. */
export interface CoreConnection {
  readonly target: string
  readonly channel: ChannelCredentials
  readonly options: ChannelOptions
  readonly metadata: Metadata
}

const HOST_AND_PORT = /^(?:[^\s/:[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/

/**
 * How a command reaches a core: `host:port`, `unix:/path` or `https://host:port`, with what
 * `CAPISCIO_CORE_TLS_CA`, `_CERT`, `_KEY`, `_SERVER_NAME` and `CAPISCIO_CORE_TOKEN` say.
 *
 * @throws {CoreAddressRefused} for anything else, TLS settings without TLS, files that cannot be used, and
 *   a token in plaintext to another machine
 */
export function toCoreConnection(address: string, env: Readonly<Record<string, string | undefined>>): CoreConnection {
  const token = env.CAPISCIO_CORE_TOKEN || undefined
  const metadata = new Metadata()
  if (address.startsWith('unix:')) {
    return {
      target: address.replace(/^unix:\/\//, 'unix:'),
      channel: credentials.createInsecure(),
      options: {},
      metadata,
    }
  }
  const url = /^https:\/\//i.test(address) ? URL.parse(address) : undefined
  if (url === null || (url !== undefined && url.pathname !== '/')) {
    throw new CoreAddressRefused('Write the address of the core as https://HOST:PORT, with nothing else in it.')
  }
  if (url === undefined && !HOST_AND_PORT.test(address)) {
    throw new CoreAddressRefused(
      `"${address}" is no address of a core: write HOST:PORT, unix:/PATH or https://HOST:PORT.`,
    )
  }
  if (url === undefined && token !== undefined && !isLoopback(address)) {
    throw new CoreAddressRefused(
      `CAPISCIO_CORE_TOKEN is never sent in plaintext to another machine: ask the core at https://${address}.`,
    )
  }
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  const serverName = env.CAPISCIO_CORE_TLS_SERVER_NAME || undefined
  return {
    target: url === undefined ? address : `${url.hostname}:${url.port || '443'}`,
    channel: url === undefined ? credentials.createInsecure() : tlsChannel(env),
    options: serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName },
    metadata,
  }
}

function tlsChannel(env: Readonly<Record<string, string | undefined>>): ChannelCredentials {
  const read = (name: string): Buffer | null => (env[name] ? readFileSync(env[name]) : null)
  try {
    const [ca, key, cert] = [
      read('CAPISCIO_CORE_TLS_CA'),
      read('CAPISCIO_CORE_TLS_KEY'),
      read('CAPISCIO_CORE_TLS_CERT'),
    ]
    return credentials.createSsl(ca, key, cert, { rejectUnauthorized: true })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CoreAddressRefused(`CAPISCIO_CORE_TLS_CA, _CERT and _KEY cannot be used: ${reason}`, { cause })
  }
}

/** Whether `host:port` is on this machine. */
function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
