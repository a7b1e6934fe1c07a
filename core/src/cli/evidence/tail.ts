import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { type CliIo, printable } from '../print.ts'
import { countBetween, type FilterFlags, filterOptions, toFilter } from './filter-options.ts'
import { recordsBackward, recordsForward, type StoredRecord } from './read-records.ts'
import { answering } from './refused.ts'
import { recordAsJson, recordAsLine } from './show-record.ts'
import { findLogs, type StoredLog, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Examples:
  $ capiscio evidence tail
  $ capiscio evidence tail -f --outcome DENY
  $ capiscio evidence tail -f --json | jq .record

With --json, one document on each line. -f ends with Ctrl-C.
Exit codes: 0 done, 1 no log there, 2 wrong usage, 3 the log is not what was written.
`

/** How often a followed log is looked at. */
const POLL_MS = 300

/** A large journal takes a while to read, and the same processors decide: so much longer is the pause then. */
const REST_TO_WORK = 4

export interface TailFlags extends WhereFlags, FilterFlags {
  readonly lines: number
  readonly follow: boolean
  readonly json: boolean
}

/** `capiscio evidence tail`: the newest records, and those that come. */
export function addTailCommand(evidence: Command, io: CliIo): void {
  filterOptions(
    whereOptions(evidence.command('tail').description('show the newest records, and with -f those that come')),
  )
    .option('-n, --lines <count>', 'so many of each log', countBetween(0, 10_000), 10)
    .option('-f, --follow', 'go on with records as they are committed', false)
    .option('--json', 'print JSON, a document on each line', false)
    .addHelpText('after', HELP)
    .action((flags: TailFlags) =>
      answering(io, flags.json, async () => {
        const interrupted = new AbortController()
        const stop = (): void => interrupted.abort()
        process.once('SIGINT', stop).once('SIGTERM', stop)
        try {
          await tail(flags, io, interrupted.signal)
        } finally {
          process.off('SIGINT', stop).off('SIGTERM', stop)
        }
      }),
    )
}

/** How far a log was shown. */
interface Shown {
  readonly size: number
  /** Of the log before it was read. */
  readonly mark: string
}

/** Runs until the signal is aborted, or to the end without --follow. */
export async function tail(flags: TailFlags, io: CliIo, signal: AbortSignal): Promise<void> {
  const filter = toFilter(flags)
  const logs = await findLogs(flags, io)
  const shown = new Map<string, Shown>()
  const show = (record: StoredRecord): void => {
    const label = logs.length > 1 ? `${printable(record.origin)}  ` : ''
    io.stdout(flags.json ? `${JSON.stringify(recordAsJson(record))}\n` : `${label}${recordAsLine(record)}\n`)
  }
  for (const log of logs) {
    const mark = await log.mark()
    const reader = await log.open()
    const newest: StoredRecord[] = []
    if (flags.lines > 0) {
      for await (const record of recordsBackward(reader, filter)) {
        newest.push(record)
        if (newest.length === flags.lines) break
      }
    }
    newest.reverse().forEach(show)
    shown.set(log.origin, { size: reader.size, mark })
  }
  for (let tookMs = 0; flags.follow && !signal.aborted; ) {
    await pause(Math.max(POLL_MS, tookMs * REST_TO_WORK), undefined, { signal }).catch(() => undefined)
    const startedMs = systemClock.monotonicMs()
    for (const log of signal.aborted ? [] : logs) shown.set(log.origin, await showNew(log, shown.get(log.origin)))
    tookMs = systemClock.monotonicMs() - startedMs
  }

  async function showNew(log: StoredLog, before: Shown = { size: 0, mark: '' }): Promise<Shown> {
    // Taken before reading: what comes meanwhile is new at the next look.
    const mark = await log.mark()
    if (mark === before.mark) return before
    const reader = await log.open()
    for await (const record of recordsForward(reader, filter, { from: before.size })) show(record)
    return { size: reader.size, mark }
  }
}
