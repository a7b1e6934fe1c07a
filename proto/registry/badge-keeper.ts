import { BadgeUnavailableError } from './badge-unavailable-error.ts'
import type { IssuedBadge } from './issued-badge.ts'
import { RegistrationError } from './registration-error.ts'

/** What a keeper tells of. */
export type BadgeKeeperEvent =
  | { readonly type: 'renewed'; readonly badge: IssuedBadge }
  /** Asking failed; it is asked again after that many milliseconds. */
  | { readonly type: 'failed'; readonly error: Error; readonly retryInMs: number }
  /** The badge has ended, and there is no other. Told once for each badge. */
  | { readonly type: 'expired'; readonly badge: IssuedBadge }

export interface BadgeKeeperOptions {
  /** Asks for a new badge, once. Must settle. */
  readonly request: () => Promise<IssuedBadge>
  /** A badge from before; asked for at once where absent or no longer good. */
  readonly initial?: IssuedBadge | undefined
  /** Milliseconds before its end at which a badge is renewed. Default: a third of its life, at most 60 000. */
  readonly renewBeforeMs?: number | undefined
  /** Wall clock, in milliseconds. */
  readonly nowMs: () => number
  /** Calls back once after that many milliseconds; the result takes it back. Must not keep a process alive. */
  readonly after: (ms: number, callback: () => void) => () => void
  /** From 0 up to 1, so that many keepers do not ask at the same moment. */
  readonly random: () => number
}

/** Keeps one badge fresh. It never gives out one that has expired. */
export interface BadgeKeeper extends AsyncDisposable {
  /** The badge that is good now. @throws BadgeUnavailableError */
  current(): string
  /**
   * The badge that is good now, waiting for one where there is none.
   *
   * @param timeoutMs How long to wait. Default 10 000.
   * @throws BadgeUnavailableError when there is still none
   */
  get(timeoutMs?: number): Promise<string>
  /** What is known of the badge that is good now. @throws BadgeUnavailableError */
  badge(): IssuedBadge
  /** Calls back with every event; the result ends that. What a listener throws is dropped. */
  on(listener: (event: BadgeKeeperEvent) => void): () => void
  /** Ends renewal. Whoever waits is told. Idempotent. */
  stop(): Promise<void>
}

const DEFAULT_WAIT_MS = 10_000
const DEFAULT_RENEW_BEFORE_MS = 60_000

/** A wall clock can jump and a machine can sleep: the time is looked at again that often. */
const LOOK_MS = 10_000

/** Left of a badge's life for its way to whoever verifies it. */
const MAX_MARGIN_MS = 2_000

const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

/** Part of a badge's life by which renewals are spread. */
const JITTER = 0.1

/**
 * Starts to keep a badge: renews it before it ends, with jitter; after a failure asks again,
 * later each time, up to every half minute and as the registry advises.
 */
export function createBadgeKeeper(options: BadgeKeeperOptions): BadgeKeeper {
  const { request, nowMs, after, random, renewBeforeMs } = options
  const listeners = new Set<(event: BadgeKeeperEvent) => void>()
  const waiting = new Set<() => void>()
  let held = options.initial
  let dueMs = held === undefined ? Number.NEGATIVE_INFINITY : dueOf(held)
  let failures = 0
  let lastError: Error | undefined
  let expiryTold = false
  let renewing: Promise<void> | undefined
  let cancel: (() => void) | undefined
  let stopped = false

  function lifeMs({ issuedAt, expiresAt }: IssuedBadge): number {
    return (expiresAt - issuedAt) * 1000
  }

  /** From the badge's end backwards: the registry's clock need not be ours when it was issued. */
  function dueOf(badge: IssuedBadge): number {
    const before = Math.min(
      renewBeforeMs ?? DEFAULT_RENEW_BEFORE_MS,
      lifeMs(badge) / (renewBeforeMs === undefined ? 3 : 1.25),
    )
    return badge.expiresAt * 1000 - before - random() * JITTER * lifeMs(badge)
  }

  function isGood(badge: IssuedBadge): boolean {
    const marginMs = Math.min(MAX_MARGIN_MS, lifeMs(badge) / 10)
    return badge.expiresAt * 1000 - marginMs > nowMs()
  }

  function tell(event: BadgeKeeperEvent): void {
    for (const listener of listeners) {
      try {
        listener(event)
      } catch {
        // A listener's fault must not end renewal.
      }
    }
  }

  function wake(): void {
    for (const resolve of [...waiting]) resolve()
  }

  async function renew(): Promise<void> {
    try {
      const badge = await request()
      if (stopped) return
      if (!isGood(badge)) {
        throw new RegistrationError(
          'REGISTRY_ANSWER_INVALID',
          'The registry gave a badge that has ended by the clock of this machine: set the clock.',
        )
      }
      held = badge
      // A clock that is ahead must not make every answer look as if it were due again at once.
      const now = nowMs()
      dueMs = Math.max(dueOf(badge), now + (badge.expiresAt * 1000 - now) / 2)
      failures = 0
      lastError = undefined
      expiryTold = false
      tell({ type: 'renewed', badge })
      wake()
    } catch (thrown) {
      if (stopped) return
      lastError = thrown instanceof Error ? thrown : new Error(String(thrown))
      const ceiling = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10))
      failures += 1
      const advised = lastError instanceof RegistrationError ? (lastError.retryAfterMs ?? 0) : 0
      const retryInMs = Math.max(ceiling * (0.5 + random() / 2), Math.min(advised, MAX_RETRY_MS))
      dueMs = nowMs() + retryInMs
      tell({ type: 'failed', error: lastError, retryInMs })
    }
  }

  function look(): void {
    cancel?.()
    cancel = undefined
    if (stopped) return
    if (held !== undefined && !isGood(held) && !expiryTold) {
      expiryTold = true
      tell({ type: 'expired', badge: held })
    }
    const now = nowMs()
    if (now >= dueMs && renewing === undefined) {
      renewing = renew().finally(() => {
        renewing = undefined
        look()
      })
    }
    // After the clock was set back, an attempt that seems far away must not be.
    if (failures > 0) dueMs = Math.min(dueMs, now + MAX_RETRY_MS)
    const nextMs = renewing === undefined ? dueMs - now : LOOK_MS
    const endMs = held === undefined || expiryTold ? LOOK_MS : held.expiresAt * 1000 - now
    cancel = after(Math.max(1, Math.min(nextMs, endMs, LOOK_MS)), look)
  }

  function unavailable(): BadgeUnavailableError {
    const cause = lastError === undefined ? undefined : { cause: lastError }
    if (stopped) return new BadgeUnavailableError('KEEPER_STOPPED', 'This keeper was stopped: make another one.')
    const because = lastError === undefined ? '' : ` The last attempt: ${lastError.message}`
    if (held === undefined) {
      return new BadgeUnavailableError('BADGE_NOT_ISSUED', `There is no badge yet.${because}`, cause)
    }
    return new BadgeUnavailableError('BADGE_EXPIRED', `The badge has expired and was not renewed yet.${because}`, cause)
  }

  function badge(): IssuedBadge {
    if (stopped || held === undefined || !isGood(held)) throw unavailable()
    return held
  }

  look()
  async function stop(): Promise<void> {
    stopped = true
    cancel?.()
    wake()
    await renewing
  }

  return {
    badge,
    current: () => badge().token,

    async get(timeoutMs = DEFAULT_WAIT_MS) {
      if (!stopped && (held === undefined || !isGood(held))) {
        look()
        await new Promise<void>((resolve) => {
          const done = (): void => {
            waiting.delete(done)
            forget()
            resolve()
          }
          const forget = after(timeoutMs, done)
          waiting.add(done)
        })
      }
      return badge().token
    },

    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },

    stop,
    [Symbol.asyncDispose]: stop,
  }
}
