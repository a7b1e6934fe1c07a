import type { BenchCase, Slice } from './bench-case.ts'
import { caseKey } from './server-cases.ts'
import { median } from './statistics.ts'

/** What is said of one case. Without rounds it is not offered by this core. */
export interface CaseSummary {
  readonly key: string
  readonly control: string
  readonly rounds: number
  readonly medians?: Slice
  /** Medians of the ratios to the control in the same round. */
  readonly toControl?: Ratios
}

export type Ratios = Readonly<Record<RatioName, number>>

export const RATIO_NAMES = ['cpuMicrosEach', 'perSecond', 'p50Ms', 'p99Ms'] as const
export type RatioName = (typeof RATIO_NAMES)[number]

/** One round: what each case measured, by its key. */
export type Round = ReadonlyMap<string, Slice>

export function summarize(cases: readonly BenchCase[], rounds: readonly Round[]): CaseSummary[] {
  return cases.map((measured) => {
    const key = caseKey(measured)
    const { control } = measured
    const slices = rounds.flatMap((round) => round.get(key) ?? [])
    if (slices.length === 0) return { key, control, rounds: 0 }
    const pairs = rounds.flatMap((round) => {
      const own = round.get(key)
      const beside = round.get(control)
      return own && beside ? [{ own, beside }] : []
    })
    const middle = (name: keyof Slice): number => median(slices.map((slice) => slice[name]))
    const ratio = (name: RatioName): number => median(pairs.map(({ own, beside }) => own[name] / beside[name]))
    return {
      key,
      control,
      rounds: slices.length,
      medians: {
        decisions: middle('decisions'),
        cpuMicrosEach: middle('cpuMicrosEach'),
        perSecond: middle('perSecond'),
        p50Ms: middle('p50Ms'),
        p99Ms: middle('p99Ms'),
        loadBusy: middle('loadBusy'),
        waited: middle('waited'),
      },
      toControl: {
        cpuMicrosEach: ratio('cpuMicrosEach'),
        perSecond: ratio('perSecond'),
        p50Ms: ratio('p50Ms'),
        p99Ms: ratio('p99Ms'),
      },
    }
  })
}

/** How far the CPU ratios of several runs are apart, by case: largest over smallest, less 1. */
export function disagreement(runs: readonly (readonly CaseSummary[])[]): ReadonlyMap<string, number> {
  const ratios = new Map<string, number[]>()
  for (const { key, control, toControl } of runs.flat()) {
    if (toControl && key !== control) ratios.set(key, [...(ratios.get(key) ?? []), toControl.cpuMicrosEach])
  }
  return new Map([...ratios].map(([key, values]) => [key, Math.max(...values) / Math.min(...values) - 1]))
}
