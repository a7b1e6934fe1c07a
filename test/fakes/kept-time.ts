import { createFixedClock } from './fixed-clock.ts'
import { createManualTimer } from './manual-timer.ts'

/** A clock and its timers, moved together, one second after the other; promises settle in between. */
export function createKeptTime(startMs: number) {
  const clock = createFixedClock(startMs)
  const timer = createManualTimer()
  return {
    nowMs: clock.nowMs,
    after: timer.after,
    random: () => 0,
    setWall: clock.setWall,
    async pass(seconds: number): Promise<void> {
      for (let second = 0; second < seconds; second++) {
        clock.advance(1000)
        timer.advance(1000)
        await settle()
      }
    },
  }
}

/** Lets everything that waits for nothing else happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
