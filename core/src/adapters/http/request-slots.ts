import { OutboundFailure } from './outbound-failure.ts'

export interface SlotLimits {
  /** Requests to one origin at one time. */
  readonly perOrigin: number
  /** Requests to all origins at one time. */
  readonly total: number
  /** Requests that may wait for a slot. */
  readonly waiting: number
}

/** The right to have one request under way, until it is given back. */
export type Release = () => void

/** Bounded places for requests, in the order of their arrival as far as each origin's bound allows. */
export interface RequestSlots {
  /**
   * Resolves when there is a place. Rejects at once when too many wait, and with the
   * signal's reason when it is aborted.
   */
  acquire(origin: string, signal: AbortSignal): Promise<Release>
}

interface Waiting {
  readonly origin: string
  readonly start: () => void
}

export function createRequestSlots({ perOrigin, total, waiting }: SlotLimits): RequestSlots {
  const active = new Map<string, number>()
  const queue = new Set<Waiting>()
  let running = 0

  const isFree = (origin: string): boolean => running < total && (active.get(origin) ?? 0) < perOrigin

  function take(origin: string): Release {
    running++
    active.set(origin, (active.get(origin) ?? 0) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      running--
      const left = (active.get(origin) ?? 1) - 1
      if (left === 0) active.delete(origin)
      else active.set(origin, left)
      startNext()
    }
  }

  function startNext(): void {
    for (const entry of queue) {
      if (!isFree(entry.origin)) continue
      queue.delete(entry)
      entry.start()
      return
    }
  }

  return {
    async acquire(origin, signal) {
      signal.throwIfAborted()
      if (isFree(origin)) return take(origin)
      if (queue.size >= waiting) {
        throw new OutboundFailure('overloaded', `Too many requests wait for ${origin}: try again later`)
      }
      return new Promise<Release>((resolve, reject) => {
        const giveUp = (): void => {
          queue.delete(entry)
          reject(signal.reason)
        }
        const entry = {
          origin,
          start: () => {
            signal.removeEventListener('abort', giveUp)
            resolve(take(origin))
          },
        }
        queue.add(entry)
        signal.addEventListener('abort', giveUp, { once: true })
      })
    },
  }
}
