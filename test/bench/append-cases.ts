import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openBenchLog, type Publication, recordBytes } from './bench-log.ts'
import { type LoopResult, runClosedLoop } from './closed-loop.ts'

/** One case in one round. */
export interface AppendSlice extends LoopResult {
  /** Processor time of each record, in microseconds. */
  readonly cpuMicrosEach: number
  /** The share of it that the main thread took, which is what limits the rate. */
  readonly mainMicrosEach: number
  /** From the last answer until everything was published; 0 where nothing is. */
  readonly publishedAfterMs: number
}

export interface AppendCase {
  readonly name: string
  measure(forMs: number): Promise<AppendSlice>
  close(): Promise<void>
}

/** The harder control: no log at all, the file and nothing else, and no event loop in between. */
export const BARE = 'bare write + fdatasync'

/** The control: everything that the log does, for each record by itself. */
export const ONE_EACH = '64 callers, one sync each'
export const GROUPED = '64 callers'
export const UNPUBLISHED = '64 callers, publishing off'
export const LONE = '1 caller'

const LOG_CASES = [
  { name: ONE_EACH, callers: 64, publishes: true, batchEntries: 1 },
  { name: GROUPED, callers: 64, publishes: true, batchEntries: undefined },
  { name: UNPUBLISHED, callers: 64, publishes: false, batchEntries: undefined },
  { name: LONE, callers: 1, publishes: true, batchEntries: undefined },
] as const

/** Encoding a record is its caller's work, so it is done before. */
const RECORDS = Array.from({ length: 4096 }, (_, n) => recordBytes(n))

/** All cases, each on files of its own under `folder`, which stay open from round to round. */
export async function openAppendCases(
  folder: string,
  onPublished: (publication: Publication) => void,
): Promise<AppendCase[]> {
  const logs = LOG_CASES.map((each, i) => openLogCase(join(folder, `log-${i}`), each, onPublished))
  return [await openBareCase(join(folder, 'bare')), ...(await Promise.all(logs))]
}

async function openLogCase(
  folder: string,
  { name, callers, publishes, batchEntries }: (typeof LOG_CASES)[number],
  onPublished: (publication: Publication) => void,
): Promise<AppendCase> {
  let publishedSize = 0
  const { log } = await openBenchLog(folder, {
    publishes,
    ...(batchEntries !== undefined && { batchEntries }),
    onPublished(publication) {
      publishedSize = publication.size
      if (name === GROUPED) onPublished(publication)
    },
  })
  return {
    name,
    async measure(forMs) {
      const slice = await measured(forMs, callers, (record) => log.append(record))
      // What is still to be published must not burden the case that comes next.
      const answeredMs = performance.now()
      while (publishes && publishedSize < log.size) await wait(10)
      return { ...slice, publishedAfterMs: publishes ? performance.now() - answeredMs : 0 }
    },
    close: () => log.close(),
  }
}

async function openBareCase(folder: string): Promise<AppendCase> {
  await mkdir(folder, { recursive: true })
  const file = openSync(join(folder, 'file'), 'a', 0o600)
  return {
    name: BARE,
    measure: (forMs) =>
      measured(forMs, 1, async (record) => {
        writeSync(file, record)
        fdatasyncSync(file)
      }),
    close: async () => closeSync(file),
  }
}

async function measured(
  forMs: number,
  callers: number,
  append: (record: Uint8Array) => Promise<unknown>,
): Promise<AppendSlice> {
  const before = process.cpuUsage()
  const mainBefore = process.threadCpuUsage()
  let n = 0
  const next = (): Uint8Array => RECORDS[n++ % RECORDS.length] as Uint8Array
  const result = await runClosedLoop(() => append(next()), { inFlight: callers, forMs, minCalls: 1 })
  return {
    ...result,
    cpuMicrosEach: totalMicros(process.cpuUsage(before)) / result.calls,
    mainMicrosEach: totalMicros(process.threadCpuUsage(mainBefore)) / result.calls,
    publishedAfterMs: 0,
  }
}

function totalMicros({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}
