import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  CoreService,
  type EvaluateToolAccessStreamRequestSchema,
  type EvaluateToolAccessStreamResult,
} from '@capiscio/proto/core/v1'
import { Client, type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js'

const { input, output } = CoreService.method.evaluateToolAccessStream
const PATH = '/capiscio.core.v1.CoreService/EvaluateToolAccessStream'

/** One open `EvaluateToolAccessStream`, as bare as it comes. */
export interface StreamClient {
  readonly call: ClientDuplexStream<Buffer, Buffer>
  send(message: MessageInitShape<typeof EvaluateToolAccessStreamRequestSchema>): void
  /** Everything answered so far, in order of arrival. */
  readonly results: EvaluateToolAccessStreamResult[]
  /** Resolves when `count` answers are there; rejects when the stream ends before. */
  until(count: number): Promise<EvaluateToolAccessStreamResult[]>
  /** Resolves to the status that the stream ended with. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>
  close(): void
}

export function openStream(address: string): StreamClient {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const pass = (bytes: Buffer): Buffer => bytes
  const call = client.makeBidiStreamRequest(PATH, pass, pass)
  const results: EvaluateToolAccessStreamResult[] = []
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  let status: { code: number; details: string } | undefined
  call.on('data', (bytes: Buffer) => {
    results.push(...fromBinary(output, bytes).results)
    wake()
  })
  // The status is told by `ended`; the error event is the same news.
  call.on('error', (_error: ServiceError) => {})
  const ended = new Promise<{ code: number; details: string }>((resolve) => {
    call.on('status', ({ code, details }) => {
      status = { code, details }
      wake()
      resolve(status)
    })
  })
  return {
    call,
    results,
    ended,
    send: (message) => call.write(Buffer.from(toBinary(input, create(input, message)))),
    until: (count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (results.length >= count) resolve(results)
          else if (status !== undefined) reject(new Error(`Ended with ${status.code} after ${results.length} answers`))
          else return
          waiting.delete(check)
        }
        waiting.add(check)
        check()
      }),
    close() {
      call.cancel()
      client.close()
    },
  }
}
