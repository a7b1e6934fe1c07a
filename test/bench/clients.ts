import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type EvaluateToolAccessRequest,
  EvaluateToolAccessStreamRequestSchema,
  EvaluateToolAccessStreamResponseSchema,
} from '@capiscio/proto/core/v1'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { checkDecision, EVALUATE_PATH, STREAM_PATH } from './ask.ts'

const pass = (bytes: Buffer): Buffer => bytes

/** One connection to a server. */
export interface BenchClient extends Disposable {
  unary(bytes: Buffer): Promise<Buffer>
  openStream(): BenchStream
  /** Whether the server has the stream at all. */
  offersStream(request: EvaluateToolAccessRequest): Promise<boolean>
}

export interface BenchStream {
  /** Sends one message with these questions; resolves when each has its decision. */
  ask(requests: readonly EvaluateToolAccessRequest[]): Promise<void>
  end(): Promise<void>
}

export function createBenchClient(address: string): BenchClient {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  })
  return {
    unary: (bytes) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(EVALUATE_PATH, pass, pass, bytes, (error: ServiceError | null, answer?: Buffer) => {
          if (answer !== undefined) resolve(answer)
          else reject(error)
        })
      }),
    openStream: () => openStream(client),
    async offersStream(request) {
      const stream = openStream(client)
      try {
        await stream.ask([request])
      } catch (error) {
        if ((error as ServiceError).code === status.UNIMPLEMENTED) return false
        throw error
      }
      await stream.end()
      return true
    },
    [Symbol.dispose]: () => client.close(),
  }
}

interface Waiting {
  left: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

function openStream(client: Client): BenchStream {
  const call = client.makeBidiStreamRequest(STREAM_PATH, pass, pass)
  const waiting = new Map<bigint, Waiting>()
  let nextId = 1n
  let failure: unknown
  const ended = new Promise<void>((resolve) => call.once('close', resolve))

  const fail = (error: unknown): void => {
    failure ??= error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  call.on('error', fail)
  call.on('data', (bytes: Buffer) => {
    for (const { requestId, result } of fromBinary(EvaluateToolAccessStreamResponseSchema, bytes).results) {
      const asked = waiting.get(requestId)
      waiting.delete(requestId)
      try {
        if (asked === undefined) throw new Error(`An answer to ${requestId}, which was not asked`)
        checkDecision(result.case === 'decision' ? result.value : undefined)
        asked.left -= 1
        if (asked.left === 0) asked.resolve()
      } catch (error) {
        asked?.reject(error)
        fail(error)
      }
    }
  })

  return {
    ask: (requests) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure)
          return
        }
        const asked: Waiting = { left: requests.length, resolve, reject }
        const items = requests.map((request) => {
          const requestId = nextId++
          waiting.set(requestId, asked)
          return { requestId, request }
        })
        const message = create(EvaluateToolAccessStreamRequestSchema, { items })
        call.write(Buffer.from(toBinary(EvaluateToolAccessStreamRequestSchema, message)))
      }),
    async end() {
      call.end()
      await ended
    },
  }
}
