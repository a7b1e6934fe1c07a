import { parentPort, workerData } from 'node:worker_threads'
import { openSqliteIndex, type SqliteIndex } from './sqlite-index.ts'

/** One call to the index in its thread. */
export interface IndexCall {
  readonly call: number
  readonly method: keyof SqliteIndex
  readonly args: readonly unknown[]
}

/** Its answer. */
export type IndexAnswer =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: string }

// The whole life of the thread: calls come in order, each is answered in the same turn.
const { path } = workerData as { readonly path: string }
const index = openSqliteIndex(path)

parentPort?.on('message', ({ call, method, args }: IndexCall) => {
  parentPort?.postMessage(answer(call, method, args))
  if (method === 'close') parentPort?.close()
})

function answer(call: number, method: keyof SqliteIndex, args: readonly unknown[]): IndexAnswer {
  try {
    return { call, value: Reflect.apply(index[method], index, args) }
  } catch (error) {
    return { call, error: error instanceof Error ? error.message : String(error) }
  }
}
