import type { ServerResponse } from 'node:http'

/** The answers of a web listener that are not sent yet. */
export interface OpenAnswers {
  add(answer: ServerResponse): void
  /** Resolves when none is left, and at the latest after `lingerMs`. */
  sent(lingerMs: number): Promise<void>
}

/** A handler is done before its answer is on the wire: only the answer itself knows when that is. */
export function createOpenAnswers(): OpenAnswers {
  const open = new Set<ServerResponse>()
  let onLastSent = (): void => {}
  return {
    add(answer) {
      open.add(answer)
      answer.once('close', () => {
        open.delete(answer)
        if (open.size === 0) onLastSent()
      })
    },
    sent(lingerMs) {
      if (open.size === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const linger = setTimeout(resolve, lingerMs)
        onLastSent = () => {
          clearTimeout(linger)
          resolve()
        }
      })
    },
  }
}
