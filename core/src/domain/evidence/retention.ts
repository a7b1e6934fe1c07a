import type { Clock } from '../../ports/clock.ts'
import type { PublicLogFiles } from '../../ports/log-files.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'
import type { EvidenceLog } from './evidence-log.ts'
import type { LogReader } from './log-reader.ts'
import { encodePrunedRecord, parseEntry } from './pruned-record.ts'
import type { Publisher } from './publisher.ts'
import { TILE_WIDTH, tilePath } from './tile-path.ts'

/** How often it is looked for entries that became old. */
const INTERVAL_MS = 24 * 60 * 60 * 1000

export interface RetentionOptions {
  readonly log: Pick<EvidenceLog, 'append' | 'size' | 'checkpoint'>
  readonly reader: Pick<LogReader, 'entries' | 'firstKept' | 'size'>
  readonly publisher: Pick<Publisher, 'publish'>
  readonly files: Pick<PublicLogFiles, 'remove'>
  /** How long entries are kept, by the time that they name. */
  readonly retentionMs: number
  readonly clock: Clock
  readonly timer: Timer
  readonly telemetry: Pick<Telemetry, 'fault'>
}

export interface Retention {
  /** Removes what is old now. Returns the index of the first entry that is kept. */
  prune(): Promise<number>
  /** Prunes now and once a day, in the background, until it is stopped. */
  start(): void
  /** Begins nothing any more, and resolves when nothing is under way. */
  stop(): Promise<void>
}

/**
 * Removes entry bundles that hold only old entries, from the beginning of the log. Hash
 * tiles stay, so that the tree and all proofs do.
 *
 * The record that says so is published before the first bundle goes: whoever finds one
 * missing finds the reason. A crash in between removes less, and the next run the rest.
 */
export function createRetention(options: RetentionOptions): Retention {
  const { log, reader, publisher, files, retentionMs, clock, timer, telemetry } = options
  let cancel: (() => void) | undefined
  let running: Promise<void> = Promise.resolve()
  let stopped = false
  const opened = { atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }

  /** A wall clock that jumps ahead makes nothing old: what it removed could not be had back. */
  const timeThatPassed = (): number => Math.min(clock.nowMs(), opened.atMs + clock.monotonicMs() - opened.monotonicMs)

  /** Index of the first bundle that is to be kept. One entry that is young, or tells no time, keeps its bundle. */
  async function firstYoungBundle(first: number, cutoffMs: number): Promise<number> {
    const end = Math.floor(reader.size / TILE_WIDTH)
    for (let bundle = first; bundle < end; bundle++) {
      for await (const { leaf } of reader.entries(bundle * TILE_WIDTH, (bundle + 1) * TILE_WIDTH)) {
        const time = Date.parse(String(parseEntry(leaf)?.['timestamp']))
        if (!(time < cutoffMs)) return bundle
      }
    }
    return end
  }

  async function prune(): Promise<number> {
    const first = (await reader.firstKept()) / TILE_WIDTH
    const keepFrom = await firstYoungBundle(first, timeThatPassed() - retentionMs)
    if (keepFrom === first || stopped) return first * TILE_WIDTH
    await log.append(encodePrunedRecord(keepFrom * TILE_WIDTH, clock.nowMs()))
    const { size, checkpoint } = log
    if (checkpoint === undefined) return first * TILE_WIDTH
    await publisher.publish({ size, checkpoint })
    for (let index = first; index < keepFrom && !stopped; index++) {
      await files.remove(tilePath({ kind: 'entries', index, width: TILE_WIDTH }))
    }
    return keepFrom * TILE_WIDTH
  }

  async function run(): Promise<void> {
    try {
      await prune()
    } catch (cause) {
      // Nothing was lost by keeping too much; tomorrow is another day.
      telemetry.fault({ where: 'removing old evidence', cause })
    }
    if (!stopped) cancel = timer.after(INTERVAL_MS, start)
  }

  function start(): void {
    running = run()
  }

  return {
    prune,
    start,
    stop() {
      stopped = true
      cancel?.()
      return running
    },
  }
}
