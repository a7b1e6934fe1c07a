import type { Journal } from '../../core/src/ports/journal.ts'

/** What a failing step leaves behind; a number stores that many bytes of an append. */
export type Leftover = 'nothing stored' | 'everything stored' | number

export interface FaultPlan {
  readonly step: 'append' | 'startSegment'
  /** Which call of that step fails, from 0. */
  readonly call: number
  readonly leftover: Leftover
}

/** The two ways a store can fail: it did nothing, or it did everything and said that it failed. */
export const LEFTOVERS: readonly Leftover[] = ['nothing stored', 'everything stored']

/** A journal one of whose calls fails. Unlike the contract asks, later calls work again, like a disk that recovered. */
export function createFaultyJournal(
  journal: Journal,
  plan: FaultPlan,
): Journal & { readonly calls: Record<FaultPlan['step'], number> } {
  const calls = { append: 0, startSegment: 0 }
  const step = async (name: FaultPlan['step'], store: (part?: number) => Promise<void>): Promise<void> => {
    const call = calls[name]++
    if (plan.step !== name || call !== plan.call) return store()
    if (plan.leftover !== 'nothing stored')
      await store(plan.leftover === 'everything stored' ? undefined : plan.leftover)
    throw new Error(`injected: ${name} ${plan.call} failed, ${plan.leftover}`)
  }
  return {
    calls,
    append: (bytes) => step('append', (part) => journal.append(part === undefined ? bytes : bytes.slice(0, part))),
    startSegment: (firstIndex) => step('startSegment', () => journal.startSegment(firstIndex)),
    close: () => journal.close(),
  }
}
