import type { Slice } from './bench-case.ts'
import { type LoopOptions, type LoopResult, runClosedLoop } from './closed-loop.ts'
import { type CpuClock, cpuMicros, waitedMs } from './process-usage.ts'

/** On a quiet machine far more fit into a slice. */
const MIN_DECISIONS_PER_SLICE = 300

/** Runs a loop and says what it cost the server and this process. */
export async function measureSlice(
  server: { readonly pid: number; readonly clock: CpuClock },
  call: () => Promise<void>,
  loop: Omit<LoopOptions, 'minCalls'>,
  decisionsPerCall = 1,
): Promise<Slice> {
  const { pid, clock } = server
  const serverBefore = cpuMicros(pid, clock)
  const waitedBefore = waitedMs(pid, clock)
  const loadBefore = process.cpuUsage()
  const { calls, seconds, p50Ms, p99Ms }: LoopResult = await runClosedLoop(call, {
    ...loop,
    minCalls: Math.ceil(MIN_DECISIONS_PER_SLICE / decisionsPerCall),
  })
  const load = process.cpuUsage(loadBefore)
  const cpu = cpuMicros(pid, clock) - serverBefore
  const waited = waitedMs(pid, clock) - waitedBefore
  const decisions = calls * decisionsPerCall
  return {
    decisions,
    cpuMicrosEach: cpu / decisions,
    perSecond: decisions / seconds,
    p50Ms,
    p99Ms,
    loadBusy: (load.user + load.system) / 1e6 / seconds,
    waited: waited / 1000 / seconds,
  }
}
