import type { BadgeInQuestion, BadgeStatusSource, StatusAnswer } from '../../ports/badge-status.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { LiveReply } from './live-answers.ts'
import type { RevocationList } from './revocation-list.ts'
import { type RememberedAnswer, type StatusMode, type StatusTolerance, statusVerdict } from './status-verdict.ts'

export interface IssuerStandingOptions {
  readonly mode: StatusMode
  readonly tolerance: StatusTolerance
  /** Oldest answer that counts as fresh, in milliseconds. */
  readonly maxStalenessMs: number
  readonly list: RevocationList
  /** What the issuer says about a badge, by `jti`, and about a subject, by DID. Absent where it is not reached. */
  readonly live?: {
    badge(jti: string): LiveReply | Promise<LiveReply>
    agent(did: string): LiveReply | Promise<LiveReply>
  }
  /** Told that a revocation was learned and could not be stored; it counts all the same. */
  readonly onNotKept?: (cause: unknown) => void
  /** Tries to bring a stale list up to date before it is relied on: in mode `offline`, where the issuer can be reached. */
  readonly refresh?: () => Promise<void>
}

/** What is remembered about one question; `goodAgeMs` is the age of the youngest good answer, in milliseconds. */
interface Remembered {
  readonly bad: boolean
  readonly goodAgeMs: number | undefined
}

/**
 * What the badges of one issuer, levels 1 to 4, and their subjects are worth today: what
 * the issuer says now and what is remembered, by the matrix of badges.md §9.2.
 */
export function createIssuerStanding(options: IssuerStandingOptions): BadgeStatusSource {
  const { mode, tolerance, maxStalenessMs, list, live, refresh, onNotKept = () => {} } = options

  function decide(
    { level }: BadgeInQuestion,
    reply: LiveReply | undefined,
    { bad, goodAgeMs }: Remembered,
    question: { readonly badIsFinal: boolean; readonly text: string },
  ): StatusAnswer {
    const verdict = statusVerdict(
      {
        mode,
        level,
        live: reply?.live ?? 'not-asked',
        remembered: bad ? 'bad' : freshness(goodAgeMs),
        badIsFinal: question.badIsFinal,
      },
      tolerance,
    )
    const age = goodAgeMs !== undefined && Number.isFinite(goodAgeMs) ? { ageMs: goodAgeMs } : {}
    switch (verdict) {
      case 'good':
        return { answer: true, ...age }
      case 'bad':
        return { answer: false }
      case 'unknown': {
        const since = 'ageMs' in age ? `the last is ${Math.round(age.ageMs / 1000)} s old` : 'there is none from before'
        throw new SourceUnavailable(`${list.issuer} gives no answer ${question.text}, and ${since}`, {
          cause: reply?.cause,
        })
      }
      default:
        return { answer: true, ...age, warning: verdict }
    }
  }

  function freshness(goodAgeMs: number | undefined): RememberedAnswer {
    if (goodAgeMs === undefined) return 'none'
    return goodAgeMs <= maxStalenessMs ? 'good' : 'stale'
  }

  async function refreshIfStale(): Promise<void> {
    // Whatever becomes of it: what is remembered then says how old it is.
    if (refresh && freshness(list.ageMs()) !== 'good') await refresh().catch(() => {})
  }

  return {
    async isRevoked(badge) {
      if (list.has(badge.jti)) return { answer: true }
      const reply = await live?.badge(badge.jti)
      if (reply?.live === 'bad' && remember(list, badge.jti)) list.keep().catch(onNotKept)
      await refreshIfStale()
      // Looked at after waiting: what was learned meanwhile counts.
      const remembered = { bad: list.has(badge.jti), goodAgeMs: youngest(list.ageMs(), goodAgeOf(reply)) }
      const text = 'whether it revoked the badge'
      const { answer, ...more } = decide(badge, reply, remembered, { badIsFinal: true, text })
      return { answer: !answer, ...more }
    },

    async isAgentActive(badge) {
      const reply = await live?.agent(badge.subject)
      await refreshIfStale()
      const listed = list.isSubjectActive(badge.subject)
      const remembered = {
        bad: listed === false || reply?.last?.good === false,
        goodAgeMs: youngest(listed === true ? list.ageMs() : undefined, goodAgeOf(reply)),
      }
      return decide(badge, reply, remembered, { badIsFinal: false, text: 'whether the subject is active' })
    },
  }
}

function goodAgeOf(reply: LiveReply | undefined): number | undefined {
  return reply?.last?.good === true ? reply.last.ageMs : undefined
}

function youngest(...agesMs: readonly (number | undefined)[]): number | undefined {
  const known = agesMs.filter((age) => age !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** Revoked is revoked for good. A full set forgets nothing by that: the issuer is asked again. */
function remember(list: RevocationList, jti: string): boolean {
  try {
    return list.add(jti)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return false
  }
}
