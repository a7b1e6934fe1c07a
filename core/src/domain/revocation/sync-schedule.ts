import type { Random } from '../../ports/random.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { Timer } from '../../ports/timer.ts'
import { IssuerBusy } from './issuer-api.ts'
import { RevocationRefused } from './revocation-refused.ts'

/** Shortest wait after a failure, in milliseconds; doubled with each failure up to the interval. */
const FIRST_RETRY_MS = 1_000

/** One piece of work that is repeated for as long as a core runs. */
export interface SyncSchedule {
  /** Begins with a run at once. */
  start(): void
  /** Runs now, or joins the run that is under way. Rejects as the work does. */
  now(): Promise<void>
  /** Ends the run that is under way and begins no other. Resolves when it is over. Idempotent. */
  stop(): Promise<void>
}

export interface SyncScheduleOptions {
  readonly work: (signal: AbortSignal) => Promise<void>
  /** Longest wait between two runs, in milliseconds. */
  readonly intervalMs: number
  readonly timer: Timer
  readonly random: Random
  /** Told of what the work rejected with. */
  readonly onFailure: (cause: unknown) => void
}

/**
 * Repeats `work`: after a success within the interval, after failures sooner, with waits
 * that double up to it, so that a source that comes back is found soon and one that is
 * down is not pressed. A source that asks for a longer pause gets it. Each wait is
 * shortened by up to a tenth, so that many cores do not ask in step.
 */
export function createSyncSchedule({ work, intervalMs, timer, random, onFailure }: SyncScheduleOptions): SyncSchedule {
  const stopping = new AbortController()
  let underWay: Promise<void> | undefined
  let failures = 0
  let cancelWait = (): void => {}

  async function run(): Promise<void> {
    cancelWait()
    try {
      await work(stopping.signal)
      failures = 0
      waitThenRun(intervalMs)
    } catch (cause) {
      failures++
      if (!stopping.signal.aborted) onFailure(cause)
      waitThenRun(Math.max(Math.min(intervalMs, FIRST_RETRY_MS * 2 ** (failures - 1)), pauseOf(cause)))
      throw cause
    }
  }

  function waitThenRun(ms: number): void {
    if (stopping.signal.aborted) return
    cancelWait = timer.after(shortened(ms), () => void now().catch(() => {}))
  }

  function shortened(ms: number): number {
    const [byte = 0] = random.bytes(1)
    return Math.floor(ms * (1 - byte / 2560))
  }

  function now(): Promise<void> {
    if (stopping.signal.aborted) return Promise.reject(new SourceUnavailable('The core is stopping'))
    underWay ??= run().finally(() => {
      underWay = undefined
    })
    return underWay
  }

  return {
    start: () => void now().catch(() => {}),
    now,
    async stop() {
      stopping.abort()
      cancelWait()
      await underWay?.catch(() => {})
    },
  }
}

function pauseOf(cause: unknown): number {
  return cause instanceof IssuerBusy ? cause.retryAfterMs : 0
}

/** Whether a failure is the source's, which was to be expected, and not ours. */
export function isSourceFailure(cause: unknown): cause is Error {
  return cause instanceof SourceUnavailable || cause instanceof RevocationRefused
}
