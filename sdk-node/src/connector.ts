import type { CoreTransport } from './transport.ts'

/** Finds or starts a core. */
export interface Connector {
  /** The current connection. Another object after a restart. */
  connect(): Promise<CoreTransport>
  /** Closes the connection and stops what was started. */
  close(): Promise<void>
}
