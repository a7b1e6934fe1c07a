/**
 * An outside source gave no usable answer: not configured, unreachable, too slow, or
 * lying. Callers fail closed on it. The message names the source and what to do, and
 * never holds a credential.
 */
export class SourceUnavailable extends Error {
  override readonly name = 'SourceUnavailable'
}
