import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type EvidenceEntry, EvidenceService, type WatchRequestSchema } from '@capiscio/proto/core/v1'
import { Client, type ClientReadableStream, credentials, type ServiceError } from '@grpc/grpc-js'

const { input, output } = EvidenceService.method.watch
const PATH = '/capiscio.core.v1.EvidenceService/Watch'

/** One open `Watch`, as bare as it comes. */
export interface WatchClient {
  readonly call: ClientReadableStream<Buffer>
  /** Everything sent so far. */
  readonly entries: EvidenceEntry[]
  /** Resolves when `count` entries are there; rejects when the stream ends before. */
  until(count: number): Promise<EvidenceEntry[]>
  /** Resolves when the core has taken the call. */
  readonly open: Promise<void>
  /** Resolves to the status that the stream ended with. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>
  close(): void
}

export function openWatch(address: string, request: MessageInitShape<typeof WatchRequestSchema> = {}): WatchClient {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const pass = (bytes: Buffer): Buffer => bytes
  const call = client.makeServerStreamRequest(PATH, pass, pass, Buffer.from(toBinary(input, create(input, request))))
  const entries: EvidenceEntry[] = []
  const waiting = new Set<() => void>()
  let status: { code: number; details: string } | undefined
  const wake = (): void => {
    for (const check of waiting) check()
  }
  call.on('data', (bytes: Buffer) => {
    entries.push(...fromBinary(output, bytes).entries)
    wake()
  })
  // The status is told by `ended`; the error event is the same news.
  call.on('error', (_error: ServiceError) => {})
  return {
    call,
    entries,
    open: new Promise((resolve) => call.once('metadata', () => resolve())),
    ended: new Promise((resolve) => {
      call.on('status', ({ code, details }) => {
        status = { code, details }
        wake()
        resolve(status)
      })
    }),
    until: (count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (entries.length >= count) resolve(entries)
          else if (status !== undefined) reject(new Error(`Ended with ${status.code} after ${entries.length} entries`))
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
