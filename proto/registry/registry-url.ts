/**
 * Reads where a registry is reached: HTTPS, or HTTP on loopback, perhaps with a path. A final
 * slash is dropped.
 *
 * @param what names the value in errors, such as `caUrl`
 * @throws TypeError saying what to write
 */
export function parseRegistryUrl(text: unknown, what: string): string {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new TypeError(`${what} must be a URL such as "https://registry.example.com".`)
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError(`${what} must have no user, query or fragment: paths are put behind it.`)
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new TypeError(`${what} must be https: an API key in plaintext can be read on its way.`)
  }
  return url.href.replace(/\/+$/, '')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
