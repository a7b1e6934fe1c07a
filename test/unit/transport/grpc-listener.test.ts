import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createGrpcListener, type GrpcListener } from '../../../core/src/transport/grpc-listener.ts'

/** RFC 9113 §3.4: what a client says first, with an empty SETTINGS frame. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])

let listener: GrpcListener
let port: number

beforeEach(async () => {
  listener = createGrpcListener({
    services: () => [],
    described: [],
    maxMessageBytes: 1024,
    maxConcurrentStreams: 1,
    maxConnections: 2,
    keepalive: { everyMs: 20, answerWithinMs: 200 },
    telemetry: {} as never,
  })
  port = await listener.listenTcp('127.0.0.1', 0)
})

afterEach(() => listener.abort())

function open(said: Uint8Array): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.resume().write(said)
  return socket
}

it.each([
  ['never speaks', Buffer.alloc(0)],
  ['speaks HTTP/2 and then no more', PREFACE],
])('a connection that %s loses its place', async (_what, said) => {
  await once(open(said), 'close')
})

it('a client that is alive keeps its connection for as long as it likes', async () => {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  await once(session, 'connect')
  let isOpen = true
  session.once('close', () => {
    isOpen = false
  })
  // Asked at the same times as this one, which is closed because it never answers.
  await once(open(PREFACE), 'close')
  expect(isOpen).toBe(true)
  session.destroy()
})
