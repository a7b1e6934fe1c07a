import { createIssuerApi } from '../../core/src/domain/revocation/issuer-api.ts'
import {
  type IssuerRevocations,
  type IssuerRevocationsOptions,
  openIssuerRevocations,
} from '../../core/src/domain/revocation/issuer-revocations.ts'
import type { BadgeInQuestion } from '../../core/src/ports/badge-status.ts'
import { type ClockedTimer, createClockedTimer } from './clocked-timer.ts'
import { createFixedClock, type FixedClock } from './fixed-clock.ts'
import { API, createIssuerHttp, type IssuerHttp } from './issuer-http.ts'
import { createMemoryRevocationStore, type MemoryRevocationStore } from './memory-revocation-store.ts'

export const REVOKING_ISSUER = 'https://registry.example.com'
export const REVOKED_AGENT = 'did:web:registry.example.com:agents:agent-1'
export const REVOCATION_NOW = Date.parse('2025-12-09T15:05:00Z')

/** Everything around the revocations of one issuer, in memory, on one clock. */
export interface RevocationWorld {
  readonly clock: FixedClock
  readonly timer: ClockedTimer
  readonly http: IssuerHttp
  readonly store: MemoryRevocationStore
  /** `complete`, `failed`, warning codes and faults, in their order. */
  readonly events: string[]
  /** Opens, as a start of the process does. What was saved is still there. */
  open(options?: Partial<IssuerRevocationsOptions>): Promise<IssuerRevocations>
}

export function createRevocationWorld(): RevocationWorld {
  const clock = createFixedClock(REVOCATION_NOW)
  const timer = createClockedTimer(clock)
  const http = createIssuerHttp(clock.nowMs)
  const store = createMemoryRevocationStore()
  const events: string[] = []
  return {
    clock,
    timer,
    http,
    store,
    events,
    open: (options) =>
      openIssuerRevocations({
        issuer: REVOKING_ISSUER,
        mode: 'hybrid',
        sources: { api: createIssuerApi({ http, baseUrl: API, timeoutMs: 4_000, maxInFlight: 64 }) },
        tolerance: { staleAtLevelOne: true, failOpen: false },
        maxStalenessMs: 300_000,
        clockSkewMs: 60_000,
        statusMaxAgeMs: 30_000,
        statusMaxEntries: 1_000,
        syncIntervalMs: 30_000,
        store,
        clock,
        timer,
        // No jitter.
        random: { uuid: () => '', bytes: (length) => new Uint8Array(length) },
        telemetry: {
          revocationsSynced: ({ outcome }) => void events.push(outcome),
          statusAsked: () => undefined,
          warning: ({ code }) => void events.push(code),
          fault: ({ where }) => void events.push(`fault ${where}`),
        },
        ...options,
      }),
  }
}

/** The id of the nth badge. */
export function badgeId(n: number): string {
  return `550e8400-e29b-41d4-a716-${String(n).padStart(12, '0')}`
}

export function inQuestion(changes: Partial<BadgeInQuestion> = {}): BadgeInQuestion {
  return { issuer: REVOKING_ISSUER, jti: badgeId(1), subject: REVOKED_AGENT, level: 2, ...changes }
}
