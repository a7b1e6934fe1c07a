import type { ClaimedCredential, HandshakeMethod, McpRequest } from '@capiscio/proto/mcp'
import type { AllowedToolAccess } from '@capiscio/proto/sdk'

/**
 * A request that the server has, and what is needed when it answers. Nothing of it is larger
 * than a badge: some servers never answer.
 */
export interface OpenRequest {
  readonly id: string | number
  /** Of a handshake, with what is ours in its `_meta`. */
  readonly handshake?: (McpRequest & { readonly method: HandshakeMethod }) | undefined
  /** Of a listing: who asked for it. */
  readonly listedFor?: { readonly caller: ClaimedCredential | undefined } | undefined
  /** Of a list of tasks: whose they shall be. */
  readonly tasksOf?: string | undefined
  /** It goes on for as long as the client likes. */
  readonly isSubscription?: boolean
  readonly access?: AllowedToolAccess
  /** Proof of its record, for a client that wants it. Never fails. */
  readonly proof?: Promise<string | undefined> | undefined
  readonly startedMs: number
  /** The client waits no more. The id stays taken: its late answer must not pass for another's. */
  readonly isCancelled: boolean
}

/** Requests that may be open at one time, and cancelled ones that were never answered. */
const MAX_OPEN = 10_000
const MAX_CANCELLED = 10_000

/** The requests of one connection that have no answer yet, each under an id that no other has meanwhile. */
export interface OpenRequests {
  /** Whether an id is another's, or could be read as another's. */
  isTaken(id: string | number): boolean
  /** As many wait as may. */
  isFull(): boolean
  /** The server has it from now on. */
  add(request: Omit<OpenRequest, 'isCancelled'>): void
  /**
   * Keeps the id while the request waits for what is asked, aborted when the client cancels it or is gone.
   * Gives what was asked; when asking failed `undefined`, or `whenAborted` where nobody waits any more. What is added
   * while it is held has the id at once.
   */
  hold<T>(
    id: string | number,
    gone: AbortSignal | undefined,
    whenAborted: T,
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined>
  /** The client waits no more. True when the server has the request, and is to hear of that. */
  cancel(id: unknown): boolean
  /** The request that an answer is for, which is open no more; undefined when nobody waits for it. */
  answered(id: unknown): OpenRequest | undefined
  /** Resolves when nothing waits, subscriptions and cancelled requests aside. */
  idle(): Promise<void>
  /** Forgets all that the server has, which is returned, and aborts what waits. */
  clear(): readonly OpenRequest[]
}

export function createOpenRequests(): OpenRequests {
  const open = new Map<unknown, OpenRequest>()
  const held = new Map<unknown, { readonly id: unknown; readonly hold: AbortController }>()
  /** How many of the open requests are cancelled. */
  let cancelled = 0
  let whenIdle: (() => void)[] = []

  function tellIdle(): void {
    if (whenIdle.length === 0 || held.size > 0) return
    if ([...open.values()].some(({ isSubscription, isCancelled }) => isSubscription !== true && !isCancelled)) return
    for (const resolve of whenIdle) resolve()
    whenIdle = []
  }

  return {
    isTaken(id) {
      const slot = slotOf(id)
      return open.has(slot) || held.has(slot)
    },

    isFull: () => open.size - cancelled + held.size >= MAX_OPEN,

    add(request) {
      open.set(slotOf(request.id), { ...request, isCancelled: false })
    },

    async hold(id, gone, whenAborted, ask) {
      const hold = new AbortController()
      const signal = gone === undefined ? hold.signal : AbortSignal.any([hold.signal, gone])
      const slot = slotOf(id)
      held.set(slot, { id, hold })
      try {
        return await ask(signal)
      } catch {
        return signal.aborted ? whenAborted : undefined
      } finally {
        held.delete(slot)
        tellIdle()
      }
    },

    cancel(id) {
      const slot = slotOf(id)
      const waiting = held.get(slot)
      if (waiting !== undefined && waiting.id === id) {
        // The server never heard of the call, so it need not hear of its end.
        waiting.hold.abort()
        return false
      }
      const running = open.get(slot)
      // One that cannot be remembered runs to its end.
      if (running === undefined || running.id !== id || running.isCancelled || cancelled >= MAX_CANCELLED) return false
      open.set(slot, { ...running, isCancelled: true })
      cancelled += 1
      tellIdle()
      return true
    },

    answered(id) {
      const slot = slotOf(id)
      const request = open.get(slot)
      if (request === undefined || request.id !== id) return undefined
      open.delete(slot)
      if (request.isCancelled) cancelled -= 1
      tellIdle()
      return request
    },

    idle: () =>
      new Promise((resolve) => {
        whenIdle.push(resolve)
        tellIdle()
      }),

    clear() {
      const requests = [...open.values()]
      for (const { hold } of held.values()) hold.abort()
      open.clear()
      cancelled = 0
      tellIdle()
      return requests
    },
  }
}

/**
 * Where a request is kept. A server that reads `"1"` as 1 may answer one in the name of the
 * other, so at most one of them is open.
 */
function slotOf(id: unknown): unknown {
  const number = typeof id === 'string' ? Number(id) : Number.NaN
  return Number.isNaN(number) ? id : number
}
