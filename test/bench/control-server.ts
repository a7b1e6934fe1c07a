import { readFileSync } from 'node:fs'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { EVALUATE_PATH } from './ask.ts'

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

/** What any unary gRPC call costs here: the same library, sizes and limits, and no work at all. */
async function main(answerFile: string): Promise<void> {
  const answer = readFileSync(answerFile)
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  })
  const pass = (bytes: Buffer): Buffer => bytes
  server.addService(
    {
      answer: {
        path: EVALUATE_PATH,
        requestStream: false,
        responseStream: false,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    },
    { answer: (_call: unknown, callback: (error: null, bytes: Buffer) => void) => callback(null, answer) },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  console.log(JSON.stringify({ event: 'started', tcp: `127.0.0.1:${port}` }))
  process.once('SIGTERM', () => server.forceShutdown())
}

const [, , answerFile] = process.argv
if (answerFile === undefined) throw new TypeError('Give the file with the answer')
await main(answerFile)
