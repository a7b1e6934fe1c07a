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
 * Names are resolved for every request, every address of the answer is checked, and only a
 * checked address is connected to. No proxy of the environment is used. Nothing of a request
 * leaves before the certificate has been verified.
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
  /**
   * Default `accept: application/json`. Fields that frame the message (`host`, `connection`,
   * `content-length`, `transfer-encoding`, `accept-encoding`, `expect`, `upgrade`) are the client's
   * own: given here, they are left out.
   */
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
  /** What the request is for, as metrics name it. Default `other`. */
  readonly purpose?: OutboundPurpose
}

/** A label of metrics: few values, none of them from input. */
export type OutboundPurpose = 'jwks' | 'did' | 'status' | 'revocations' | 'registry' | 'events' | 'domain' | 'other'

/**
 * How a request ended, as metrics name it. Answers, by status: `success` below 400, then
 * `client_error`, `server_error`. Everything else is `SourceUnavailable`:
 *
 * - `forbidden`: our rules allow no request to this URL or address
 * - `left_alone`: the origin failed repeatedly and is not asked for a while
 * - `overloaded`: too many of our own requests are waiting
 * - `unresolved`, `unreachable`, `tls`: no address, no connection, no verified certificate
 * - `timeout`: the time for the connection or for the whole exchange is over
 * - `redirect`, `too_large`, `encoding`: an answer that is not taken
 * - `broken`: the connection or the answer ended before it was complete
 * - `aborted`: whoever asked has given up, or the client was closed
 */
export type OutboundOutcome =
  | 'success'
  | 'client_error'
  | 'server_error'
  | 'forbidden'
  | 'left_alone'
  | 'overloaded'
  | 'unresolved'
  | 'unreachable'
  | 'tls'
  | 'timeout'
  | 'redirect'
  | 'too_large'
  | 'encoding'
  | 'broken'
  | 'aborted'

export interface OutboundResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}
