import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'

/** gRPC by hand, for what no gRPC library would send. */
export interface BareGrpc {
  readonly session: ClientHttp2Session
  open(path: string, headers?: Record<string, string>): ClientHttp2Stream
  /** Sends bytes as they are, ends the stream, and resolves to the gRPC status, or `reset`. */
  send(path: string, bytes: Buffer, headers?: Record<string, string>): Promise<number | 'reset'>
  close(): void
}

export function bareGrpc(address: string): BareGrpc {
  const session = connect(`http://${address}`)
  session.on('error', () => {})
  const open = (path: string, headers: Record<string, string> = {}): ClientHttp2Stream => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    // A reset is one of the answers that are expected here.
    stream.on('error', () => {})
    return stream
  }
  return {
    session,
    open,
    send(path, bytes, headers) {
      const stream = open(path, headers)
      return new Promise((resolve) => {
        let answer: number | 'reset' = 'reset'
        const read = (received: Record<string, unknown>): void => {
          if (received['grpc-status'] !== undefined) answer = Number(received['grpc-status'])
        }
        stream.on('response', read)
        stream.on('trailers', read)
        stream.on('close', () => resolve(answer))
        stream.resume()
        stream.end(bytes)
      })
    },
    close: () => session.destroy(),
  }
}

/** The five bytes before each message: whether it is compressed, and its length. */
export function grpcPrefix(length: number, compressed = false): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt8(compressed ? 1 : 0, 0)
  prefix.writeUInt32BE(length, 1)
  return prefix
}
