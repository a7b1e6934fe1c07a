export interface TimeLimit {
  /** In milliseconds, 2^31 - 1 at most. */
  readonly timeoutMs: number
  /** What the work is rejected with when the time is over. */
  readonly onTimeout: () => Error
  /** Any of these ends the work too. */
  readonly signals: readonly AbortSignal[]
  /** What the work is rejected with then. Default: the signal's reason. */
  readonly onAbort?: () => Error
}

/**
 * Does some work under a time limit. The signal that the work gets is aborted when the limit
 * is reached, and the result rejects at that moment, also when the work does not listen.
 */
export async function withTimeLimit<T>(limit: TimeLimit, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, onTimeout, signals, onAbort } = limit
  const controller = new AbortController()
  const { signal } = controller
  const ended = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const abort = (): void => controller.abort(onAbort?.() ?? signals.find(({ aborted }) => aborted)?.reason)
  const timer = setTimeout(() => controller.abort(onTimeout()), timeoutMs)
  for (const outer of signals) outer.addEventListener('abort', abort, { once: true })
  try {
    if (signals.some((outer) => outer.aborted)) abort()
    return await Promise.race([ended, work(signal)])
  } finally {
    clearTimeout(timer)
    for (const outer of signals) outer.removeEventListener('abort', abort)
  }
}
