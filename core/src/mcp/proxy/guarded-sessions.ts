import { LRUCache } from 'lru-cache'
import type { Timer } from '../../ports/timer.ts'
import type { MessageGuard } from '../message-guard.ts'
import { withOwnIds } from './own-ids.ts'

/** Sessions that are remembered. */
const MAX_SESSIONS = 10_000

/**
 * How long a session may be silent before nobody is thought to come back for the answers that
 * its broken streams did not bring, in milliseconds.
 */
export const GIVE_UP_MS = 600_000

/** One HTTP exchange, and the guard that is there for it. */
export interface Entered {
  readonly guard: MessageGuard
  /** The target gave the client a session. */
  opened(sessionId: string): void
  /** The exchange is over. Where no other can bring them, calls without an answer have failed. */
  leave(): void
}

/** The guards of the legacy era's sessions: answers and cancellations may come with another request. */
export interface GuardedSessions {
  /** A request without a session: it has a guard for itself. @param mayOpen whether a session may begin with it */
  enterAlone(mayOpen: boolean): Entered
  /**
   * A request of a session. `undefined` for one that is not known: its client is told so and
   * starts a new one, as after the end of any session.
   */
  enter(sessionId: string): Entered | undefined
  closed(sessionId: string): void
  /** Closes all. */
  close(): void
}

interface Connection {
  readonly guard: MessageGuard
  /** Exchanges under way. */
  live: number
  isKept: boolean
  stay: () => void
}

export function createGuardedSessions(createGuard: () => MessageGuard, timer: Timer): GuardedSessions {
  const sessions = new LRUCache<string, Connection>({
    max: MAX_SESSIONS,
    dispose(connection) {
      connection.isKept = false
      if (connection.live > 0) return
      connection.stay()
      connection.guard.giveUp()
    },
  })

  function enter(connection: Connection): Entered {
    const { guard } = connection
    connection.live += 1
    connection.stay()
    return {
      guard,
      opened(sessionId) {
        connection.isKept = true
        sessions.set(sessionId, connection)
      },
      leave() {
        connection.live -= 1
        if (connection.live > 0) return
        if (connection.isKept) connection.stay = timer.after(GIVE_UP_MS, () => guard.giveUp())
        else guard.giveUp()
      },
    }
  }

  return {
    enterAlone(mayOpen) {
      const guard = mayOpen ? withOwnIds(createGuard()) : createGuard()
      return enter({ guard, live: 0, isKept: false, stay: () => {} })
    },
    enter(sessionId) {
      const connection = sessions.get(sessionId)
      return connection && enter(connection)
    },
    closed: (sessionId) => void sessions.delete(sessionId),
    close: () => sessions.clear(),
  }
}
