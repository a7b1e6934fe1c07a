import type { DisclosedServerIdentity } from '@capiscio/proto/sdk'
import { parseHttpHeaders } from '@capiscio/proto/sdk'

/** What the HTTP side of one connection shows: identities in answers, and the caller's badge in requests. */
export interface HttpDisclosure {
  /** Give this to the transport: `new StreamableHTTPClientTransport(url, { fetch: http.fetch })`. */
  readonly fetch: typeof fetch
  /** The identity in the newest answer that disclosed one; undefined so far. */
  latest(): DisclosedServerIdentity | undefined
  /** Adds the badge to every request from here on, as `X-Capiscio-Badge`. */
  sendBadge(badge: () => string | Promise<string>): void
}

/**
 * Watches the headers of one HTTP connection. Use a new one for each connection, and hand it to
 * `connectVerified`.
 *
 * @param inner Used for the requests themselves. Default: the platform's `fetch`.
 */
export function createHttpDisclosure(inner: typeof fetch = fetch): HttpDisclosure {
  let latest: DisclosedServerIdentity | undefined
  let badge: (() => string | Promise<string>) | undefined
  return {
    async fetch(input, init) {
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
      if (badge !== undefined) headers.set('X-Capiscio-Badge', await badge())
      const response = await inner(input, { ...init, headers })
      const disclosed = parseHttpHeaders(response.headers)
      if (disclosed.serverDid !== undefined || disclosed.serverBadge !== undefined) latest = disclosed
      return response
    },
    latest: () => latest,
    sendBadge(source) {
      badge = source
    },
  }
}
