import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { EvidenceIndex } from '../../ports/evidence-index.ts'
import type { IndexAnswer, IndexCall } from './index-thread.ts'

interface Pending {
  resolve(value: never): void
  reject(error: Error): void
}

/**
 * The index as an SQLite file that a thread of its own works on: a large search, or
 * rebuilding the whole index, delays no decision.
 *
 * @param path absolute; its folder exists
 */
export function createThreadedIndex(path: string): EvidenceIndex {
  const pending = new Map<number, Pending>()
  let next = 0
  let ended: Error | undefined
  let closed: Promise<void> | undefined

  // The same extension as this file has: source in tests, JavaScript when built.
  const program = new URL(`./index-thread${extname(import.meta.url)}`, import.meta.url)
  const thread = new Worker(program, { workerData: { path } })
  thread.on('message', (answer: IndexAnswer) => {
    const waiting = pending.get(answer.call)
    pending.delete(answer.call)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.value as never)
    if (pending.size === 0 && closed === undefined) thread.unref()
  })
  thread.on('error', (error) => end(new Error('The thread of the evidence index ended.', { cause: error })))
  // From the first moment on: a thread that died early must not be waited for in vain.
  const exited = new Promise<void>((resolve) => {
    thread.on('exit', () => {
      end(new Error('The thread of the evidence index ended.'))
      resolve()
    })
  })
  // An idle thread keeps no process alive: `close` is for those who want its end.
  thread.unref()

  function end(error: Error): void {
    ended ??= error
    for (const waiting of pending.values()) waiting.reject(ended)
    pending.clear()
  }

  function call<T>(method: IndexCall['method'], ...args: readonly unknown[]): Promise<T> {
    if (ended !== undefined) return Promise.reject(ended)
    return new Promise<T>((resolve, reject) => {
      const id = next++
      pending.set(id, { resolve, reject })
      // Whoever waits for an answer must get it, also when nothing else is left to wait for.
      thread.ref()
      const message: IndexCall = { call: id, method, args }
      thread.postMessage(message)
    })
  }

  async function finish(): Promise<void> {
    const closing = call<void>('close')
    ended ??= new Error('The evidence index is closed.')
    await closing.catch(() => undefined)
    await exited
  }

  return {
    position: () => call('position'),
    reset: (origin, size) => call('reset', origin, size),
    add: (entries, lastLeaf) => call('add', entries, lastLeaf),
    find: (id) => call('find', id),
    search: (filter, before, limit) => call('search', filter, before, limit),
    close() {
      closed ??= finish()
      return closed
    },
  }
}
