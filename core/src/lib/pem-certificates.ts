import { X509Certificate } from 'node:crypto'

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Reads every certificate of a PEM file. TLS libraries skip what they cannot read, and the
 * roots an operator meant to add would silently be missing.
 *
 * @throws {SyntaxError} when there is no certificate, or one that cannot be read
 */
export function parsePemCertificates(pem: string): readonly string[] {
  const blocks = pem.match(BLOCK) ?? []
  if (blocks.length === 0) throw new SyntaxError('There is no certificate in PEM form')
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block)
    } catch (cause) {
      throw new SyntaxError(`Certificate ${index + 1} cannot be read`, { cause })
    }
  }
  return blocks
}
