import { LRUCache } from 'lru-cache'
import type { BadgeFacts } from './verify-badge.ts'

/** Facts about tokens, by SHA-256 of the whole token; the token itself is not kept. */
export interface BadgeFactsCache {
  get(digest: string): BadgeFacts | undefined
  set(digest: string, facts: BadgeFacts): void
  /** Tokens whose facts are kept now. */
  readonly size: number
}

/**
 * Keeps the facts that were used last, within both bounds.
 *
 * @param maxEntries 0 keeps nothing
 * @param maxBytes estimated memory, in bytes; facts larger than this alone are not kept
 */
export function createBadgeFactsCache(maxEntries: number, maxBytes: number): BadgeFactsCache {
  if (maxEntries === 0) return { get: () => undefined, set: () => undefined, size: 0 }
  return new LRUCache<string, BadgeFacts>({ max: maxEntries, maxSize: maxBytes, sizeCalculation: estimateBytes })
}

/** Objects, keys, digests and list nodes of one entry without its texts. */
const ENTRY_BYTES = 1024

/** A text costs a header and at most two bytes per unit. */
const TEXT_BYTES = 32

function estimateBytes({ badge }: BadgeFacts): number {
  const { jti, issuer, subject, domain = '', confirmedKeyId = '', kid = '', audience = [] } = badge
  let bytes = ENTRY_BYTES
  for (const text of [jti, issuer, subject, domain, confirmedKeyId, kid, ...audience]) {
    bytes += TEXT_BYTES + 2 * text.length
  }
  return bytes
}
