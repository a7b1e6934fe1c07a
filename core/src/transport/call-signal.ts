/** What grpc-js calls have in common here. */
export interface Cancellable {
  readonly cancelled: boolean
  once(event: 'cancelled', listener: () => void): unknown
}

/**
 * A context whose signal is aborted when the caller cancels, disconnects or its deadline
 * passes. The signal is made only when a handler asks for it: most never do.
 */
export function cancellationOf(call: Cancellable): { readonly signal: AbortSignal } {
  let controller: AbortController | undefined
  return {
    get signal() {
      if (controller === undefined) {
        const made = new AbortController()
        controller = made
        if (call.cancelled) made.abort()
        else call.once('cancelled', () => made.abort())
      }
      return controller.signal
    },
  }
}
