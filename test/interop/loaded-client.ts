import { join } from 'node:path'
import { Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const PROTO = join(import.meta.dirname, '..', '..', 'proto')

/** A client that knows only the text of a `.proto` file, with none of our generated code. */
export interface LoadedClient extends Disposable {
  /** Rejects with grpc-js's `ServiceError`. */
  call(method: string, request: object): Promise<unknown>
}

export function createLoadedClient(file: string, service: string, address: string): LoadedClient {
  const loaded = loadPackageDefinition(loadSync(file, { includeDirs: [PROTO], defaults: true, oneofs: true }))
  const Service = service.split('.').reduce<unknown>((inside, name) => Reflect.get(inside as object, name), loaded)
  const client = new (Service as ServiceClientConstructor)(address, credentials.createInsecure())
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        const answer = (error: Error | null, response: unknown): void => (error ? reject(error) : resolve(response))
        ;(client[method] as (request: object, answer: unknown) => void).call(client, request, answer)
      }),
    [Symbol.dispose]: () => Client.prototype.close.call(client),
  }
}
