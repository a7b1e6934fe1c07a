import type { EvidenceLog } from '../domain/evidence/evidence-log.ts'
import type { LogReader } from '../domain/evidence/log-reader.ts'
import type { StoredEntry } from '../domain/evidence/read-entries.ts'
import { invalidArgument, RpcFault } from './rpc-fault.ts'
import type { ServerStreamContext } from './service-implementation.ts'

/** Entries in one message, and about their bytes. */
const MAX_ENTRIES = 256
const MAX_BYTES = 512 * 1024

/** A watcher that was cut off does well to come back after this long. */
const RETRY_AFTER_STOP_MS = 1_000

export type WatchEntries = (
  fromIndex: bigint | undefined,
  context: Pick<ServerStreamContext, 'signal' | 'stopping'>,
) => AsyncIterable<readonly StoredEntry[]>

export interface WatchEntriesOptions {
  readonly log: Pick<EvidenceLog, 'onCommit'>
  readonly reader: Pick<LogReader, 'size' | 'entries' | 'firstKept'>
}

/**
 * Gives the entries of a log in order and without gaps, those that are there and those that
 * come, at the pace of whoever reads. Nothing is kept for a slow reader: it finds what it
 * missed in the log.
 */
export function createWatchEntries({ log, reader }: WatchEntriesOptions): WatchEntries {
  return async function* watch(fromIndex, { signal, stopping }) {
    let next = startOf(fromIndex, reader.size)
    const news = createWakeUp()
    const stopListening = log.onCommit(news.wake)
    signal.addEventListener('abort', news.wake)
    stopping.addEventListener('abort', news.wake)
    try {
      while (!signal.aborted) {
        // Asked for before looking, so that nothing that comes meanwhile is slept through.
        const awake = news.next()
        if (next < reader.size) {
          const entries = await readSome(next, reader.size)
          next += entries.length
          yield entries
        } else if (stopping.aborted) {
          throw new RpcFault('UNAVAILABLE', `The core is shutting down. Watch again from index ${next}.`, {
            retryAfterMs: RETRY_AFTER_STOP_MS,
          })
        } else {
          await awake
        }
      }
    } finally {
      stopListening()
      signal.removeEventListener('abort', news.wake)
      stopping.removeEventListener('abort', news.wake)
    }
  }

  async function readSome(from: number, to: number): Promise<readonly StoredEntry[]> {
    const entries: StoredEntry[] = []
    let bytes = 0
    try {
      for await (const entry of reader.entries(from, Math.min(to, from + MAX_ENTRIES))) {
        entries.push(entry)
        bytes += entry.leaf.length
        if (bytes >= MAX_BYTES) break
      }
    } catch (error) {
      const first = await reader.firstKept()
      if (from >= first) throw error
      throw new RpcFault('NOT_FOUND', `Records below ${first} were removed by retention. Watch from index ${first}.`)
    }
    if (entries.length === 0) throw new Error(`The log did not give entry ${from}, which it holds.`)
    return entries
  }
}

/** Beyond the end there is nothing to wait for in good faith: the index is of another log, or made up. */
function startOf(fromIndex: bigint | undefined, size: number): number {
  if (fromIndex === undefined) return size
  if (fromIndex <= BigInt(size)) return Number(fromIndex)
  throw invalidArgument([
    { field: 'from_index', description: `must be at most ${size}, the number of records; this log has no later one` },
  ])
}

/** A promise for the next call of `wake`. */
function createWakeUp() {
  let resolve = (): void => {}
  return {
    wake: (): void => resolve(),
    next: (): Promise<void> =>
      new Promise((done) => {
        resolve = done
      }),
  }
}
