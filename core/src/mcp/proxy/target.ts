import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { rootCertificates } from 'node:tls'

/** The MCP server behind a proxy. */
export interface Target extends Disposable {
  /**
   * Sends one request and resolves with the head of its answer. Nothing is sent twice and no
   * redirect is followed.
   *
   * @throws when there is no answer, also after `signal` was aborted, which ends the answer as well
   */
  send(request: TargetRequest): Promise<IncomingMessage>
}

export interface TargetRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
  readonly signal: AbortSignal
}

/**
 * Never the client's own: in a charset of its choice, such as UTF-7, the server would read
 * another message than the one that was decided.
 */
const JSON_BODY = { 'content-type': 'application/json' }

/** Connections to the target. Calls wait for one beyond it. */
const MAX_CONNECTIONS = 1024

/** @param ca PEM of authorities to trust besides the usual ones */
export function createTarget(url: URL, ca?: string): Target {
  const isTls = url.protocol === 'https:'
  const common = { keepAlive: true, maxSockets: MAX_CONNECTIONS }
  const agent = isTls
    ? // Said here, so that it does not hang on NODE_TLS_REJECT_UNAUTHORIZED in the environment.
      new HttpsAgent({
        ...common,
        rejectUnauthorized: true,
        ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
      })
    : new HttpAgent(common)
  const start = isTls ? httpsRequest : httpRequest
  return {
    send: ({ method, headers, body, signal }) =>
      new Promise((resolve, reject) => {
        const ofBody = body === undefined ? {} : { ...JSON_BODY, 'content-length': Buffer.byteLength(body) }
        const sent: ClientRequest = start(url, { method, agent, signal, headers: { ...headers, ...ofBody } }, resolve)
        sent.on('error', reject)
        sent.end(body)
      }),
    [Symbol.dispose]: () => agent.destroy(),
  }
}
