import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { OutboundFailure } from './outbound-failure.ts'

/** What gzip may add to a body that it cannot make smaller. */
const GZIP_OVERHEAD_BYTES = 1024

/**
 * Reads a body, inflated if the server compressed it, and stops at `maxBytes` of it: at most
 * one chunk beyond is ever held, so that neither an endless body nor one that inflates a
 * thousandfold takes memory. The compressed form is bounded too.
 *
 * @throws {OutboundFailure} too_large, encoding
 * @throws the stream's error when the body is cut off or is no gzip
 */
export async function readBody(message: IncomingMessage, maxBytes: number, origin: string): Promise<Uint8Array> {
  const encoding = (message.headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new OutboundFailure('encoding', `${origin} answers in an encoding that is not gzip`)
  }
  if (encoding === 'identity') return collect(message, maxBytes, origin)

  let compressedBytes = 0
  message.on('data', (chunk: Uint8Array) => {
    compressedBytes += chunk.length
    if (compressedBytes > maxBytes + GZIP_OVERHEAD_BYTES) message.destroy(tooLarge(origin, maxBytes))
  })
  const inflated = createGunzip()
  // Its callback is for errors, which the iteration below throws as well.
  pipeline(message, inflated, () => {})
  return collect(inflated, maxBytes, origin)
}

async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes: number, origin: string): Promise<Uint8Array> {
  const kept: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge(origin, maxBytes)
    kept.push(chunk)
  }
  return new Uint8Array(Buffer.concat(kept, bytes))
}

function tooLarge(origin: string, maxBytes: number): OutboundFailure {
  return new OutboundFailure('too_large', `${origin} answers with more than ${maxBytes} bytes`)
}
