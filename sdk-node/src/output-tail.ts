import { redactSecrets } from '@capiscio/proto/sdk'

const KEPT_BYTES = 4_096

/** Keeps the end of what a process printed, for an error message. */
export interface OutputTail {
  add(chunk: Uint8Array): void
  /** The last 4 KiB without secrets. */
  text(): string
}

/** @param secrets Removed from the text, besides everything that looks like a token or a private key. */
export function createOutputTail(secrets: readonly string[]): OutputTail {
  // Twice what is shown, so that redaction sees whole lines before the cut.
  let kept = Buffer.alloc(0)
  let cut = false
  return {
    add(chunk) {
      const all = Buffer.concat([kept, chunk])
      cut ||= all.length > 2 * KEPT_BYTES
      kept = all.subarray(-2 * KEPT_BYTES)
    },
    text() {
      const raw = kept.toString('utf8')
      // A line whose beginning is lost may hold the end of a secret that can no longer be recognized.
      const whole = cut ? raw.slice(raw.includes('\n') ? raw.indexOf('\n') + 1 : raw.length) : raw
      return redactSecrets(whole, secrets).slice(-KEPT_BYTES).trim()
    },
  }
}
