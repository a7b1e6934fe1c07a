import type { CoreTransport } from './transport.ts'

/** Finds or starts a core. */
export interface Connector {
  /** Whether the core is ours to wait for: one that was just started becomes ready in a moment. */
  readonly waitUntilReady: boolean
  /** The current connection. Another object after a restart. */
  connect(): Promise<CoreTransport>
  /** Closes the connection and stops what was started. */
  close(): Promise<void>
}
