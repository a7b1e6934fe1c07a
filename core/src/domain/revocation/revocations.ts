import type { BadgeStatusSource } from '../../ports/badge-status.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'
import { createBadgeStatus } from './badge-status.ts'
import type { IssuerRevocations } from './issuer-revocations.ts'
import type { CacheStatistics } from './live-answers.ts'
import type { LocalRevocations } from './local-revocations.ts'

/** How often the file of local revocations is looked at, in milliseconds. */
const LOOK_EVERY_MS = 2_000

/** What this core knows of revocations: those of its operator and those of its issuers. */
export interface Revocations {
  /** The standing of every badge. */
  readonly status: BadgeStatusSource
  /** The same from what is remembered alone: nobody is asked. */
  readonly offlineStatus: BadgeStatusSource
  readonly local: LocalRevocations
  /** By issuer; without those that are a fixture. */
  readonly issuers: ReadonlyMap<string, IssuerRevocations>
  /** Statistics of the caches of live answers, all issuers together, by name. */
  statistics(): ReadonlyMap<string, CacheStatistics>
  /** Begins to follow issuers and files. */
  start(): void
  /**
   * Reads local revocations and snapshots again. Resolves, when all of them are in order,
   * to what puts them in force.
   *
   * @throws {RevocationRefused} naming what is not in order; what was in force stays
   */
  reread(): Promise<() => Promise<void>>
  stop(): Promise<void>
}

export interface RevocationsOptions {
  readonly local: LocalRevocations
  readonly issuers: readonly IssuerRevocations[]
  /** Stands in for issuers that nobody can ask. Only profile `dev` has such. */
  readonly fixtures: ReadonlyMap<string, BadgeStatusSource>
  readonly timer: Timer
  readonly telemetry: Pick<Telemetry, 'warning'>
}

export function createRevocations({ local, issuers, fixtures, timer, telemetry }: RevocationsOptions): Revocations {
  const byIssuer = new Map(issuers.map((one) => [one.issuer, one]))
  const statusBy = (standingOf: (issuer: IssuerRevocations) => BadgeStatusSource): BadgeStatusSource =>
    createBadgeStatus(local, new Map([...fixtures, ...issuers.map((one) => [one.issuer, standingOf(one)] as const)]))
  let cancelLook = (): void => {}
  let isStopped = false
  let lastProblem = ''

  async function look(): Promise<void> {
    try {
      ;(await local.reread())?.()
      lastProblem = ''
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      if (message !== lastProblem) telemetry.warning({ code: 'LOCAL_REVOCATIONS_NOT_READ', message })
      lastProblem = message
    }
    if (!isStopped) cancelLook = timer.after(LOOK_EVERY_MS, () => void look())
  }

  return {
    status: statusBy(({ standing }) => standing),
    offlineStatus: statusBy(({ offlineStanding }) => offlineStanding),
    local,
    issuers: byIssuer,
    statistics: () =>
      new Map([
        ['badge_status', sum(issuers.map(({ live }) => live?.badges.statistics()))],
        ['agent_status', sum(issuers.map(({ live }) => live?.agents.statistics()))],
      ]),
    start() {
      for (const issuer of issuers) issuer.start()
      void look()
    },
    async reread() {
      const apply = [await local.reread(), ...(await Promise.all(issuers.map((issuer) => issuer.reread())))]
      return async () => {
        for (const one of apply) await one?.()
      }
    },
    async stop() {
      isStopped = true
      cancelLook()
      await Promise.all(issuers.map((issuer) => issuer.stop()))
    },
  }
}

function sum(all: readonly (CacheStatistics | undefined)[]): CacheStatistics {
  const total = { entries: 0, maxEntries: 0, hits: 0, misses: 0 }
  for (const one of all) {
    for (const name of Object.keys(total) as (keyof CacheStatistics)[]) total[name] += one?.[name] ?? 0
  }
  return total
}
