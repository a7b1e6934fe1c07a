import { LRUCache } from 'lru-cache'
import type { MessageGuard } from '../message-guard.ts'

/** Sessions that are remembered. */
const MAX_SESSIONS = 10_000

/** The guards of the legacy era's sessions: answers and cancellations may come with another request. */
export interface GuardedSessions {
  /**
   * The guard of a session; a new one for a request without a session. `undefined` for a session
   * that is not known: its client is told so and starts a new one, as after the end of any session.
   */
  guardOf(sessionId: string | undefined): MessageGuard | undefined
  /** The target gave the session to a client. */
  opened(sessionId: string, guard: MessageGuard): void
  closed(sessionId: string): void
}

export function createGuardedSessions(createGuard: () => MessageGuard): GuardedSessions {
  const guards = new LRUCache<string, MessageGuard>({ max: MAX_SESSIONS })
  return {
    guardOf: (sessionId) => (sessionId === undefined ? createGuard() : guards.get(sessionId)),
    opened: (sessionId, guard) => void guards.set(sessionId, guard),
    closed: (sessionId) => void guards.delete(sessionId),
  }
}
