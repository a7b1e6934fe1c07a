import type { Metadata } from '@grpc/grpc-js'
import type { CallContext } from '../service/service-implementation.ts'

/** What grpc-js calls have in common here. */
export interface Cancellable {
  readonly cancelled: boolean
  once(event: 'cancelled', listener: () => void): unknown
  readonly metadata: Metadata
}

/**
 * What a handler may know about a gRPC call. The signal is aborted when the caller cancels,
 * disconnects or its deadline passes. It is made only when a handler asks for it: most never do.
 */
export function contextOf(call: Cancellable): CallContext {
  let controller: AbortController | undefined
  return {
    header(name) {
      const [value] = call.metadata.get(name)
      return typeof value === 'string' ? value : undefined
    },
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
