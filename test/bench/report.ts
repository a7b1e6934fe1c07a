import type { BenchRun } from './bench-run.ts'
import { median } from './statistics.ts'
import { type CaseSummary, RATIO_NAMES } from './summary.ts'

const NOT_AVAILABLE = 'n/a'

/** Threads of the server itself share its processor, too. */
const TOLERABLE_WAIT = 0.1

/** The table of one run: a line for each case. */
export function reportCases(cases: readonly CaseSummary[]): string {
  const header = ['case', 'CPU µs', 'to control', 'per s', 'p50 ms', 'p99 ms', 'load µs', 'load busy', 'waited']
  const rows = cases.map(({ key, medians, toControl }) => {
    if (!medians || !toControl) return [key, ...header.slice(1).map(() => NOT_AVAILABLE)]
    return [
      key,
      medians.cpuMicrosEach.toFixed(1),
      `${toControl.cpuMicrosEach.toFixed(2)}×`,
      medians.perSecond.toFixed(0),
      medians.p50Ms.toFixed(3),
      medians.p99Ms.toFixed(3),
      ((1e6 * medians.loadBusy) / medians.perSecond).toFixed(1),
      percent(medians.loadBusy),
      percent(medians.waited),
    ]
  })
  return table(header, rows)
}

/** One line about memory. */
export function reportMemory({ residentAtStartMiB, memory }: BenchRun): string {
  const start = `RSS: ${residentAtStartMiB.toFixed(0)} MiB at start`
  const [first] = memory ?? []
  const last = memory?.at(-1)
  if (!memory || !first || !last) return start
  const most = Math.max(...memory.map(({ residentMiB }) => residentMiB))
  return `${start}, ${first.residentMiB.toFixed(0)} after the rounds, ${last.residentMiB.toFixed(0)} after ${last.decisions} more decisions (highest seen ${most.toFixed(0)})`
}

/** One line about ten million revocations. */
export function reportRevocations({ revocations }: BenchRun): string | undefined {
  if (!revocations) return undefined
  const { entries, loadSeconds, longestPauseMs, residentMiB, heldBytesEach, lookupsPerSecond, addMicrosEach } =
    revocations
  return `${entries} revocations: loaded in ${loadSeconds.toFixed(1)} s (longest pause ${longestPauseMs.toFixed(0)} ms), ${residentMiB.toFixed(0)} MiB (${heldBytesEach.toFixed(1)} bytes each held), ${(lookupsPerSecond / 1e6).toFixed(1)} million lookups per second, ${addMicrosEach.toFixed(1)} µs to add one`
}

/** How a run relates to an earlier one: now divided by then. */
export function reportComparison(now: readonly CaseSummary[], then: readonly CaseSummary[]): string {
  const header = ['case', 'CPU to control', 'CPU µs', 'per s', 'p50 ms', 'p99 ms']
  const before = new Map(then.map((summary) => [summary.key, summary]))
  const rows = now.map(({ key, medians, toControl }) => {
    const earlier = before.get(key)
    if (!medians || !toControl || !earlier?.medians || !earlier.toControl) {
      return [key, ...header.slice(1).map(() => NOT_AVAILABLE)]
    }
    const was = earlier.medians
    const ratios = [
      toControl.cpuMicrosEach / earlier.toControl.cpuMicrosEach,
      ...RATIO_NAMES.map((name) => medians[name] / was[name]),
    ]
    return [key, ...ratios.map((ratio) => `${ratio.toFixed(2)}×`)]
  })
  return table(header, rows)
}

/** How well several tables agree. */
export function reportDisagreement(apart: ReadonlyMap<string, number>): string {
  const rows = [...apart].map(([key, share]) => [key, percent(share)])
  return table(['case', 'CPU ratios apart'], rows)
}

/** A hint when other work had the processors, because then times say little. */
export function reportDisturbance(cases: readonly CaseSummary[]): string | undefined {
  const waited = median(cases.flatMap(({ medians }) => (medians && medians.waited > 0 ? [medians.waited] : [])))
  if (!(waited > TOLERABLE_WAIT)) return undefined
  return `Other work had the server's processor for ${percent(waited)} of the time: times and rates say little, CPU and its ratios less than usual.`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}

/** Columns of text, the first one aligned left. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join('  ')
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}
