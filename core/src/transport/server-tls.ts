import type { SecureContextOptions, TlsOptions } from 'node:tls'

/** What listeners run TLS with, and how they learn of a change. */
export interface ServerTls {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly clientCertificates: 'none' | 'required' | 'optional'
  material(): ServerTlsMaterial
  /** Calls back with the material that new connections get from then on. */
  onChange(listener: (material: ServerTlsMaterial) => void): void
}

export interface ServerTlsMaterial {
  readonly certificatePem: string
  /** Secret. */
  readonly privateKeyPem: string
  readonly clientAuthoritiesPem?: string
}

/** Time for a client to finish its handshake, in milliseconds. */
const HANDSHAKE_MS = 10_000

/** What a server of Node is made with. */
export function toTlsOptions(tls: ServerTls): TlsOptions {
  const { clientCertificates } = tls
  return {
    ...toContextOptions(tls, tls.material()),
    requestCert: clientCertificates !== 'none',
    rejectUnauthorized: clientCertificates === 'required',
    handshakeTimeout: HANDSHAKE_MS,
  }
}

/** What `setSecureContext` of a running server takes. Open connections keep what they have. */
export function toContextOptions(
  { minVersion }: Pick<ServerTls, 'minVersion'>,
  { certificatePem, privateKeyPem, clientAuthoritiesPem }: ServerTlsMaterial,
): SecureContextOptions {
  return {
    minVersion,
    cert: certificatePem,
    key: privateKeyPem,
    // Without authorities of our own Node would believe those of the public web.
    ...(clientAuthoritiesPem !== undefined && { ca: clientAuthoritiesPem }),
  }
}
