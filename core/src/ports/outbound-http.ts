/**
 * The one way out: every HTTP request that the core, the registry or a command makes.
 *
 * `send` resolves for every complete answer, whatever its status, and rejects with
 * `SourceUnavailable` for everything else: forbidden address, no connection, TLS that does
 * not verify, a redirect, too slow, too large, an encoding that is not gzip or identity, an
 * origin that is being left alone after repeated failures. It never follows a redirect,
 * never falls back to plaintext, and holds at most `maxBytes` of a body after inflation.
 * An aborted `signal` ends the request and rejects the same way.
 *
 * Nothing is retried: whoever asks knows whether asking again is safe.
 */
export interface OutboundHttp {
  send(request: OutboundRequest): Promise<OutboundResponse>
}

export interface OutboundRequest {
  /** Absolute, without user info and fragment. */
  readonly url: string
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /**
   * Who chose the host. `operator`: it is in the configuration, so any address may answer,
   * over HTTPS, or over HTTP on loopback. `input`: it was learned from a token, a document or
   * a request, so only public addresses may answer, over HTTPS on port 443.
   */
  readonly hostFrom: 'operator' | 'input'
  /** Most bytes of the answer's body, after inflation. */
  readonly maxBytes: number
  /** For the whole exchange, in milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface OutboundResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}
