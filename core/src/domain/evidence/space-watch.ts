import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'

/** Below this it is time to act: the heaviest load writes some 10 MB a second. */
export const LOW_SPACE_BYTES = 1024 * 1024 * 1024

const INTERVAL_MS = 30_000

export interface SpaceWatchOptions {
  /** Bytes that may still be written where the log is. */
  readonly freeBytes: () => Promise<number>
  readonly timer: Timer
  readonly telemetry: Pick<Telemetry, 'evidenceSpace' | 'fault'>
}

/**
 * Looks now and every half minute how much room the log has left, so that its operator hears
 * of a full disk before every decision is denied. Returns a function that ends it.
 */
export function watchSpace({ freeBytes, timer, telemetry }: SpaceWatchOptions): () => void {
  let stopped = false
  let cancel = (): void => undefined

  async function look(): Promise<void> {
    try {
      const free = await freeBytes()
      if (!stopped) telemetry.evidenceSpace({ freeBytes: free, isLow: free < LOW_SPACE_BYTES })
    } catch (cause) {
      // Whoever cannot be told the room is told that, and not again every half minute.
      telemetry.fault({ where: 'looking for free space for evidence', cause })
      return
    }
    if (!stopped) cancel = timer.after(INTERVAL_MS, () => void look())
  }

  void look()
  return () => {
    stopped = true
    cancel()
  }
}
