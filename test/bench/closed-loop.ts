import { percentile } from './statistics.ts'

/** What a load loop saw. */
export interface LoopResult {
  readonly calls: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface LoopOptions {
  readonly inFlight: number
  readonly forMs: number
  /** Go on longer, but not beyond `LONGEST` times as long, until so many calls were answered. */
  readonly minCalls: number
  /** Also stop before a call when there is nothing left to ask. */
  readonly hasMore?: () => boolean
}

/** On a busy machine a few calls take long; a slice of a few calls says nothing. */
const LONGEST = 4

/** Keeps `inFlight` calls under way for a time, the next one sent when an answer is in, and waits for the last. */
export async function runClosedLoop(
  call: () => Promise<unknown>,
  { inFlight, forMs, minCalls, hasMore = () => true }: LoopOptions,
): Promise<LoopResult> {
  const latencies: number[] = []
  const startedMs = performance.now()
  const lane = async (): Promise<void> => {
    while (hasMore()) {
      const askedMs = performance.now()
      const elapsedMs = askedMs - startedMs
      if (elapsedMs >= forMs && (latencies.length >= minCalls || elapsedMs >= LONGEST * forMs)) return
      await call()
      latencies.push(performance.now() - askedMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return {
    calls: latencies.length,
    seconds: (performance.now() - startedMs) / 1000,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  }
}
