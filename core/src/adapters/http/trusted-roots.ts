import tls, { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { parsePemCertificates } from '../../lib/pem-certificates.ts'

/**
 * What a server's certificate is verified with: the roots that Node trusts, those of
 * `NODE_EXTRA_CA_CERTS` included, and the operator's own. TLS 1.2 or newer, whatever the
 * command line of the process allows.
 *
 * @param ca PEM certificates beside Node's own
 * @throws {SyntaxError} when `ca` is anything else
 */
export function createTrustedRoots(ca: string | undefined): SecureContext {
  if (ca === undefined) return createSecureContext({ minVersion: 'TLSv1.2' })
  // Naming roots replaces Node's own. Before Node 22.15 there is no such function to ask for
  // those of NODE_EXTRA_CA_CERTS, and an import by its name would end the process.
  const known = tls.getCACertificates?.('default') ?? rootCertificates
  return createSecureContext({ minVersion: 'TLSv1.2', ca: [...known, ...parsePemCertificates(ca)] })
}
