import { CoreAddressError } from '@capiscio/proto/sdk'

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/**
 * Reads the URL of a web listener: `http://127.0.0.1:50052`, or `https://` where a proxy
 * with TLS stands before it. A path is a prefix of every call. The result has no slash at
 * its end.
 *
 * @param insecure Allow `http://` to a host that is not this machine. Badges and API keys
 * are then readable on the network.
 * @throws CoreAddressError for any other form, and for plaintext to another machine.
 */
export function parseBaseUrl(text: string, insecure = false): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return refuse(text)
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) return refuse(text)
  // The parser has turned every spelling of an IPv4 address into the dotted one.
  if (url.protocol === 'http:' && !insecure && !LOOPBACK.test(url.hostname)) {
    throw new CoreAddressError(
      `The core at "${url.origin}" would be asked without encryption over the network, where credentials can be read. ` +
        'Use https, or createCoreClient({ baseUrl, insecure: true }) if the network is trusted.',
    )
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/**
 * Whether a token may be sent to a URL that `parseBaseUrl` gave: not in plaintext to another
 * machine, however much the network is trusted.
 *
 * @throws CoreAddressError
 */
export function requireConfidential(url: string): void {
  const { protocol, hostname, origin } = new URL(url)
  if (protocol === 'https:' || LOOPBACK.test(hostname)) return
  throw new CoreAddressError(
    `A token is never sent in plaintext to another machine, where it could be read on the way. Use https instead of "${origin}".`,
  )
}

function refuse(text: string): never {
  // What looks like a password before `@`, or a token in a query, is not repeated.
  const shown = /[@?#]/.test(text) ? 'The address of the core' : `The address of the core, "${text}",`
  throw new CoreAddressError(`${shown} must be an http or https URL, such as http://127.0.0.1:50052, without query.`)
}
