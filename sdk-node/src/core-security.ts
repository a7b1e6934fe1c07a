import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { CoreAddressError, readOptions } from '@capiscio/proto/sdk'
import type { CoreAddress } from './core-address.ts'
import { isLoopbackAddress } from './core-address.ts'

/** How an `https://` core is verified, and what it is shown. PEM as text or bytes. */
export interface CoreTlsOptions {
  /** Certificate authorities to trust instead of Node's own. */
  readonly ca?: string | Uint8Array | undefined
  /** This client's certificate, for a core that wants one. Together with `key`. */
  readonly cert?: string | Uint8Array | undefined
  /** Private key of `cert`, without a passphrase. */
  readonly key?: string | Uint8Array | undefined
  /** Name that the core's certificate must cover. Default: the host of the address. */
  readonly serverName?: string | undefined
}

/** What protects one connection, decided. */
export interface CoreSecurity {
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  /** Secret. */
  readonly key: Buffer | undefined
  readonly serverName: string | undefined
  /** Secret. Sent with every call. */
  readonly token: string | undefined
}

export const NO_SECURITY: CoreSecurity = Object.freeze({
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  token: undefined,
})

const TLS_NAMES = ['ca', 'cert', 'key', 'serverName'] as const

/** RFC 6750 §2.1: whatever else would not survive a header. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * Reads the options `tls` and `token`.
 *
 * @throws TypeError for wrong ones.
 */
export function readSecurityOptions(tls: CoreTlsOptions = {}, token: string | undefined): CoreSecurity {
  readOptions(tls, TLS_NAMES, 'tls')
  for (const name of ['ca', 'cert', 'key'] as const) {
    const value: unknown = tls[name]
    if (value !== undefined && !(value instanceof Uint8Array) && typeof value !== 'string') {
      throw new TypeError(`tls.${name} must be PEM, as text or bytes.`)
    }
  }
  if (tls.serverName !== undefined && (typeof tls.serverName !== 'string' || tls.serverName === '')) {
    throw new TypeError('tls.serverName must be a host name.')
  }
  if (token !== undefined && (typeof token !== 'string' || !TOKEN.test(token))) {
    throw new TypeError('token must be the token itself: letters, digits and -._~+/ only, without "Bearer".')
  }
  const security = {
    ca: toBuffer(tls.ca),
    cert: toBuffer(tls.cert),
    key: toBuffer(tls.key),
    serverName: tls.serverName,
    token,
  }
  checkMaterial(security, (problem) => new TypeError(`tls: ${problem}`))
  return security
}

/**
 * Reads the variables that go with `CAPISCIO_CORE_ADDR`: `CAPISCIO_CORE_TLS_CA`, `_CERT` and
 * `_KEY` (paths of PEM files), `CAPISCIO_CORE_TLS_SERVER_NAME` and `CAPISCIO_CORE_TOKEN`.
 *
 * @throws CoreAddressError for wrong ones.
 */
export function securityFromEnvironment(environment: Readonly<Record<string, string | undefined>>): CoreSecurity {
  const read = (name: string): Buffer | undefined => {
    const path = environment[name] || undefined
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (cause) {
      throw new CoreAddressError(`${name} names a file that cannot be read: ${path}. Correct the variable.`, { cause })
    }
  }
  const token = environment.CAPISCIO_CORE_TOKEN || undefined
  if (token !== undefined && !TOKEN.test(token)) {
    throw new CoreAddressError('CAPISCIO_CORE_TOKEN must hold the token itself and nothing else.')
  }
  const security = {
    ca: read('CAPISCIO_CORE_TLS_CA'),
    cert: read('CAPISCIO_CORE_TLS_CERT'),
    key: read('CAPISCIO_CORE_TLS_KEY'),
    serverName: environment.CAPISCIO_CORE_TLS_SERVER_NAME || undefined,
    token,
  }
  checkMaterial(security, (problem) => new CoreAddressError(`CAPISCIO_CORE_TLS_CA, _CERT, _KEY: ${problem}`))
  return security
}

/**
 * Whether an address is fit for what protects it. Nothing that was meant to be protected
 * is sent without.
 *
 * @throws CoreAddressError for TLS settings without TLS, and for a token in plaintext to
 * another machine.
 */
export function checkSecurity(address: CoreAddress, security: CoreSecurity): void {
  const { ca, cert, serverName, token } = security
  if (address.kind !== 'tls' && (ca !== undefined || cert !== undefined || serverName !== undefined)) {
    throw new CoreAddressError(
      `The core at "${address.label}" is asked without TLS, and TLS settings are given. Write the address as https://host:port, or leave them out.`,
    )
  }
  if (token !== undefined && address.kind === 'plaintext' && !isLoopbackAddress(address)) {
    throw new CoreAddressError(
      `A token is never sent in plaintext to another machine, where it could be read on the way. Ask the core at "https://${address.label}".`,
    )
  }
}

function checkMaterial({ ca, cert, key }: CoreSecurity, error: (problem: string) => Error): void {
  if ((cert === undefined) !== (key === undefined)) throw error('a certificate and its key go together.')
  try {
    createSecureContext({ ca, cert, key })
  } catch {
    // What the parser says may quote what it read.
    throw error('not PEM, a key with a passphrase, or a key of another certificate.')
  }
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) throw error('no certificate authority in PEM.')
}

function toBuffer(pem: string | Uint8Array | undefined): Buffer | undefined {
  return pem === undefined ? undefined : Buffer.from(pem)
}
