import { expect } from 'vitest'
import type { ManualTimer } from '../fakes/manual-timer.ts'

/**
 * Moves the time on, a step at once, until something has happened and no further. What is due may be planned only after
 * something else, such as tidying up after the work before it, has ended.
 */
export async function advanceUntil(timer: ManualTimer, stepMs: number, hasHappened: () => boolean): Promise<void> {
  const poll = (): boolean => {
    if (!hasHappened()) timer.advance(stepMs)
    return hasHappened()
  }
  await expect.poll(poll).toBe(true)
}
