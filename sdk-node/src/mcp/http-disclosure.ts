import { CALLER_BADGE_HEADER } from '@capiscio/proto/mcp'
import type { DisclosedServerIdentity } from '@capiscio/proto/sdk'
import { CredentialError, parseHttpHeaders } from '@capiscio/proto/sdk'

/** What the HTTP side of one connection shows: identities in answers, and the caller's badge in requests. */
export interface HttpDisclosure {
  /** Give this to the transport: `new StreamableHTTPClientTransport(url, { fetch: http.fetch })`. Follows no redirects. */
  readonly fetch: typeof fetch
  /**
   * Says which endpoint the connection is with. SDKs send what else they need, such as OAuth
   * requests, through the same `fetch`: identities and the badge belong to this origin alone.
   *
   * @throws TypeError when it was attached before: another connection would get the badge unverified.
   */
  attach(endpoint: URL): void
  /** The identity in the newest answer of the endpoint that disclosed one; undefined so far. */
  latest(): DisclosedServerIdentity | undefined
  /** Adds the badge to requests to the endpoint from here on, as `X-Capiscio-Badge`, while there is one. */
  sendBadge(badge: () => Promise<string | undefined>): void
}

/**
 * Watches the headers of one HTTP connection. Use a new one for each connection, and hand it to
 * `connectVerified`.
 *
 * @param inner Used for the requests themselves. Default: the platform's `fetch`.
 */
export function createHttpDisclosure(inner: typeof fetch = fetch): HttpDisclosure {
  let origin: string | undefined
  let latest: DisclosedServerIdentity | undefined
  let badge: (() => Promise<string | undefined>) | undefined
  return {
    async fetch(input, init) {
      const request = input instanceof Request ? input : undefined
      const isEndpoint = new URL(request?.url ?? String(input)).origin === origin
      const headers = new Headers(init?.headers ?? request?.headers)
      const shown = isEndpoint ? await badge?.() : undefined
      if (shown !== undefined) {
        // The platform's own error would repeat it.
        if (!/^[!-~]+$/.test(shown)) throw new CredentialError('The badge holds characters that no header can carry.')
        headers.set(CALLER_BADGE_HEADER, shown)
      }
      // A redirect that is followed in here would take headers and body along.
      const response = await inner(input, { ...init, headers, redirect: 'manual' })
      const disclosed = parseHttpHeaders(response.headers)
      if (isEndpoint && (disclosed.serverDid !== undefined || disclosed.serverBadge !== undefined)) latest = disclosed
      return response
    },
    attach(endpoint) {
      if (origin !== undefined) {
        throw new TypeError('This HttpDisclosure belongs to another connection: make a new one for each.')
      }
      origin = endpoint.origin
    },
    latest: () => latest,
    sendBadge(source) {
      badge = source
    },
  }
}
