import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { parsePemCertificates } from '../../lib/pem-certificates.ts'
import { FileRefused } from '../files/file-refused.ts'

/** PEM text of what a TLS server shows and whom it believes, proven to belong together. */
export interface TlsMaterial {
  /** The server's certificate, then those between it and its authority. */
  readonly certificatePem: string
  /** Secret. */
  readonly privateKeyPem: string
  /** Authorities whose clients are let in. Absent: clients need no certificate. */
  readonly clientAuthoritiesPem?: string
}

/** The same, each text with the file that it came from. */
export interface TlsTexts {
  readonly certificate: { readonly path: string; readonly text: string }
  readonly privateKey: { readonly path: string; readonly text: string }
  readonly clientAuthorities?: { readonly path: string; readonly text: string }
}

/**
 * Proves before it is used that a server can be run with what the files hold: a mistake
 * must not become the first thing that a client sees.
 *
 * @throws {FileRefused} FILE_INVALID, for the first file that is not as it must be
 */
export function parseTlsMaterial(texts: TlsTexts, nowMs: number): TlsMaterial {
  const { certificate, privateKey, clientAuthorities } = texts
  const [leaf] = parseCertificates(certificate)
  const key = parsePrivateKey(privateKey)
  if (leaf === undefined || !leaf.checkPrivateKey(key)) {
    throw invalid(privateKey.path, `is not the key of the certificate in ${certificate.path}: name the one that is`)
  }
  if (Date.parse(leaf.validTo) <= nowMs) {
    throw invalid(certificate.path, `holds a certificate that expired on ${leaf.validTo}: have it renewed`)
  }
  if (clientAuthorities !== undefined) {
    // Whatever is listed here can vouch for clients; only an authority's own certificate is meant to.
    const stray = parseCertificates(clientAuthorities).find(({ ca }) => !ca)
    if (stray !== undefined) {
      throw invalid(clientAuthorities.path, 'holds a certificate that is not an authority: list authorities only')
    }
  }
  const material = {
    certificatePem: certificate.text,
    privateKeyPem: privateKey.text,
    ...(clientAuthorities !== undefined && { clientAuthoritiesPem: clientAuthorities.text }),
  }
  try {
    createSecureContext({ cert: certificate.text, key: privateKey.text, ca: clientAuthorities?.text })
  } catch (cause) {
    throw invalid(certificate.path, 'cannot be used for TLS: have a stronger one made', cause)
  }
  return material
}

function parseCertificates({ path, text }: TlsTexts['certificate']): readonly X509Certificate[] {
  try {
    return parsePemCertificates(text).map((pem) => new X509Certificate(pem))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalid(path, `holds no usable certificates: ${reason}`, cause)
  }
}

function parsePrivateKey({ path, text }: TlsTexts['privateKey']): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (cause) {
    throw invalid(path, 'holds no private key that can be read: it must be PEM without a passphrase', cause)
  }
}

function invalid(path: string, reason: string, cause?: unknown): FileRefused {
  return new FileRefused('FILE_INVALID', path, `${path} ${reason}.`, { cause })
}
