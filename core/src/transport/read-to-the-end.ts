import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * A request that is answered before it was read, because it is too large, is still read to
 * its end and thrown away: closing on it would take the answer from a client that is still
 * sending. The request timeout ends what has no end.
 */
export function readToTheEnd(request: IncomingMessage, response: ServerResponse): void {
  request[Symbol.asyncIterator] = () => request.iterator({ destroyOnReturn: false })
  response.once('finish', () => request.resume())
}
