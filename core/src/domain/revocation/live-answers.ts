import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'

/** What an issuer says about one key, a badge or an agent. */
export interface LiveReply {
  readonly live: 'good' | 'bad' | 'failed' | 'not-asked'
  /** The issuer's last answer, with the time since it was asked for, in milliseconds. */
  readonly last?: { readonly good: boolean; readonly ageMs: number }
  /** Why `live` is `failed`. */
  readonly cause?: SourceUnavailable
}

export interface CacheStatistics {
  readonly entries: number
  readonly maxEntries: number
  readonly hits: number
  readonly misses: number
}

export interface LiveAnswers {
  ask(key: string): Promise<LiveReply>
  /** The last answer alone, without a question. */
  recall(key: string): LiveReply
  /** Forgets everything. Returns how many answers there were. */
  clear(): number
  statistics(): CacheStatistics
}

export interface LiveAnswersOptions {
  /** Asks the issuer: `true` is good. Rejects with `SourceUnavailable` when there is no answer. */
  readonly question: (key: string) => Promise<boolean>
  /** How long a good answer counts as one of now, in milliseconds. */
  readonly maxAgeMs: number
  readonly maxEntries: number
  readonly clock: Clock
}

/** Bad answers and failures are asked about again after this long, in milliseconds. */
export const RECHECK_MS = 2_000

interface Answer {
  readonly good: boolean
  readonly askedAtMs: number
}

/**
 * Remembers live answers for a short time. One question is under way for each key, and
 * everybody who asks meanwhile waits for it. An answer is as old as its question: what
 * the issuer learns while it answers is not in it.
 */
export function createLiveAnswers({ question, maxAgeMs, maxEntries, clock }: LiveAnswersOptions): LiveAnswers {
  const answers = new LRUCache<string, Answer>({ max: maxEntries })
  const failures = new LRUCache<string, { readonly cause: SourceUnavailable; readonly atMs: number }>({ max: 1024 })
  const underWay = new Map<string, Promise<LiveReply>>()
  let hits = 0
  let misses = 0

  const lastOf = (key: string) => {
    const answer = answers.get(key)
    return answer && { good: answer.good, ageMs: clock.monotonicMs() - answer.askedAtMs }
  }

  /** What needs no question now. */
  function remembered(key: string): LiveReply | undefined {
    const last = lastOf(key)
    if (last && last.ageMs <= (last.good ? maxAgeMs : Math.min(maxAgeMs, RECHECK_MS))) {
      return { live: last.good ? 'good' : 'bad', last }
    }
    const failure = failures.get(key)
    if (failure === undefined || clock.monotonicMs() - failure.atMs > RECHECK_MS) return undefined
    return { live: 'failed', cause: failure.cause, ...(last && { last }) }
  }

  async function askNow(key: string): Promise<LiveReply> {
    const askedAtMs = clock.monotonicMs()
    try {
      const good = await question(key)
      answers.set(key, { good, askedAtMs })
      failures.delete(key)
      return { live: good ? 'good' : 'bad', last: { good, ageMs: clock.monotonicMs() - askedAtMs } }
    } catch (cause) {
      if (!(cause instanceof SourceUnavailable)) throw cause
      failures.set(key, { cause, atMs: clock.monotonicMs() })
      const last = lastOf(key)
      return { live: 'failed', cause, ...(last && { last }) }
    }
  }

  return {
    async ask(key) {
      const known = remembered(key)
      if (known !== undefined) {
        hits++
        return known
      }
      misses++
      let asking = underWay.get(key)
      if (asking === undefined) {
        asking = askNow(key).finally(() => underWay.delete(key))
        underWay.set(key, asking)
      }
      return asking
    },
    recall(key) {
      const last = lastOf(key)
      return { live: 'not-asked', ...(last && { last }) }
    },
    clear() {
      const { size } = answers
      answers.clear()
      failures.clear()
      return size
    },
    statistics: () => ({ entries: answers.size, maxEntries, hits, misses }),
  }
}
