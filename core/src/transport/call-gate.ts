import { RpcFault } from '../service/rpc-fault.ts'

/** Callers of a core that is going away do well to come back when it is replaced. */
const RETRY_AFTER_STOP_MS = 1_000

/** Every call of every listener passes here on its way in and out. */
export interface CallGate {
  /**
   * Lets a call in; the result is called once, when its answer is ready.
   *
   * @throws {RpcFault} UNAVAILABLE after `close`
   */
  enter(): () => void
  /** Aborted by `close`, for calls that have no end of their own. */
  readonly closing: AbortSignal
  /** Lets no more calls in. Resolves when the last one is out. */
  close(): Promise<void>
}

export function createCallGate(): CallGate {
  const closing = new AbortController()
  let open = true
  let inside = 0
  let onEmpty = (): void => {}
  return {
    enter() {
      if (!open) {
        throw new RpcFault('UNAVAILABLE', 'The core is shutting down. Try again when it is back.', {
          retryAfterMs: RETRY_AFTER_STOP_MS,
        })
      }
      inside += 1
      return () => {
        inside -= 1
        if (inside === 0 && !open) onEmpty()
      }
    },
    closing: closing.signal,
    close() {
      open = false
      closing.abort()
      if (inside === 0) return Promise.resolve()
      return new Promise((resolve) => {
        onEmpty = resolve
      })
    },
  }
}
