/** Why a text is not an HTTPS origin in its one spelling. */
export class OriginRefused extends Error {
  override readonly name = 'OriginRefused'
}

/** A host name or bracketed IPv6 address, perhaps a port, as `URL` spells it. */
const ORIGIN = /^https:\/\/([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[1-9][0-9]{0,4})?$/

/**
 * Reads the name of an issuer: an HTTPS origin, such as `https://registry.example.com`
 * or `https://registry.example.com:8443`. One trailing slash is dropped. Issuers are
 * compared as texts, so that any other spelling of the same origin would never match and
 * is refused here instead.
 *
 * @throws {OriginRefused} saying what to write
 */
export function parseHttpsOrigin(text: string): string {
  const url = URL.parse(text)
  if (url === null || !text.startsWith('https://')) {
    throw new OriginRefused('An issuer is an HTTPS origin, such as https://registry.example.com')
  }
  const origin = text.endsWith('/') ? text.slice(0, -1) : text
  if (origin !== url.origin) throw new OriginRefused(`An issuer is only scheme, host and port: write ${url.origin}`)
  if (!ORIGIN.test(origin)) throw new OriginRefused('The host of an issuer has letters, digits, dots and hyphens')
  return origin
}
