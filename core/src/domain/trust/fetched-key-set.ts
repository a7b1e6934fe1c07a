import { sha256Base64url } from '../../lib/sha256.ts'
import type { Clock } from '../../ports/clock.ts'
import type { IssuerKeySet } from '../../ports/issuer-keys.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { fetchJwks, type JwksPlace } from './fetch-jwks.ts'

/** Age from which a key set is fetched again, behind the back of those who use it (badges.md §7). */
const REFRESH_AGE_MS = 300_000

/** Age from which its users wait for the newer one, unless the issuer is known to be away. */
const WAIT_AGE_MS = 600_000

/** Time between fetches for unknown key ids (badges.md §7). */
const KID_COOLDOWN_MS = 30_000

/** Pause after a failure, doubled by each further one up to the longest. */
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000

export interface FetchedKeySetOptions extends JwksPlace {
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'issuerKeysFetched' | 'fault'>
  /** Age up to which the last good set is used while no newer one can be had. */
  readonly maxStaleMs: number
}

/** What is known about the keys of an issuer. */
export interface KeySetState {
  /** Usable keys; 0 when there is no set, or it is too old to be used. */
  readonly keys: number
  /** Wall clock, of the last good fetch. */
  readonly fetchedAtMs: number | undefined
  /** Why the last fetch failed; absent when it did not. */
  readonly lastError: string | undefined
  /** Older than it should be, used or not. */
  readonly stale: boolean
  readonly ageMs: number | undefined
}

/**
 * The key set of one issuer, which moves like this. Absent: every question fetches. Fresh:
 * questions are answered from memory. Due: they still are, and a fetch runs. Stale: they wait
 * for the fetch; while the issuer is known to be away they get the last good set. Expired: as absent.
 *
 * A set replaces the one before as a whole: a key that the issuer took away is gone. Only a
 * document that is a key set with at least one usable key replaces anything. There is at
 * most one fetch at a time.
 */
export interface FetchedKeySet {
  /** @throws {SourceUnavailable} when there is none, or only one that is too old */
  current(): Promise<IssuerKeySet>
  /** Fetches because a key id is not in the set, once per cooldown whatever the ids are. */
  freshened(): Promise<IssuerKeySet>
  /** Fetches when the set is absent or due and no pause holds it back. Never rejects. */
  refreshIfDue(): Promise<void>
  state(): KeySetState
}

interface Held {
  readonly set: IssuerKeySet
  readonly keys: number
  readonly fetchedAtMs: number
  /** On the monotonic clock, before the fetch: its answer may be no newer. */
  readonly askedMs: number
}

export function createFetchedKeySet(options: FetchedKeySetOptions): FetchedKeySet {
  const { issuer, clock, telemetry, maxStaleMs } = options
  let held: Held | undefined
  let fetching: Promise<void> | undefined
  let failures = 0
  let lastError: SourceUnavailable | undefined
  let pausedUntilMs = Number.NEGATIVE_INFINITY
  let kidCooldownUntilMs = Number.NEGATIVE_INFINITY

  const ageMs = (): number => (held === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() - held.askedMs)

  function usable(): IssuerKeySet {
    if (held !== undefined && ageMs() < maxStaleMs) return held.set
    throw lastError ?? new SourceUnavailable(`The keys of ${issuer} are too old to be used`)
  }

  /** Fetches run behind the back of those who ask: nobody would catch a fault of ours. */
  function asUnavailable(cause: unknown): SourceUnavailable {
    if (cause instanceof SourceUnavailable) return cause
    telemetry.fault({ where: 'issuer_keys', cause })
    return new SourceUnavailable(`The keys of ${issuer} could not be fetched because of a fault`, { cause })
  }

  async function fetchSet(): Promise<void> {
    const askedMs = clock.monotonicMs()
    try {
      const { jwks, keys } = await fetchJwks(options)
      const version = sha256Base64url(jwks)
      telemetry.issuerKeysFetched({ issuer, outcome: held?.set.version === version ? 'unchanged' : 'replaced' })
      held = { set: { jwks, version }, keys, fetchedAtMs: clock.nowMs(), askedMs }
      failures = 0
      lastError = undefined
    } catch (cause) {
      const failure = asUnavailable(cause)
      lastError = failure
      pausedUntilMs = clock.monotonicMs() + Math.min(FIRST_PAUSE_MS * 2 ** failures, MAX_PAUSE_MS)
      failures = Math.min(failures + 1, 30)
      telemetry.issuerKeysFetched({ issuer, outcome: 'failed', reason: failure.message })
    }
  }

  function fetchOnce(): Promise<void> {
    fetching ??= fetchSet().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  async function refreshIfDue(): Promise<void> {
    if (ageMs() >= REFRESH_AGE_MS && clock.monotonicMs() >= pausedUntilMs) await fetchOnce()
  }

  async function current(): Promise<IssuerKeySet> {
    const isKnownAway = lastError !== undefined && ageMs() < maxStaleMs
    void refreshIfDue()
    if (ageMs() >= WAIT_AGE_MS && !isKnownAway) await fetching
    return usable()
  }

  return {
    current,
    refreshIfDue,
    async freshened() {
      const nowMs = clock.monotonicMs()
      if (fetching === undefined && nowMs < kidCooldownUntilMs) return current()
      if (fetching === undefined) kidCooldownUntilMs = nowMs + KID_COOLDOWN_MS
      await fetchOnce()
      return usable()
    },
    state: () => ({
      keys: held !== undefined && ageMs() < maxStaleMs ? held.keys : 0,
      fetchedAtMs: held?.fetchedAtMs,
      lastError: lastError?.message,
      stale: ageMs() >= WAIT_AGE_MS,
      ageMs: held === undefined ? undefined : ageMs(),
    }),
  }
}
