const utf8 = new TextEncoder()

/**
 * The bytes of the record that a log begins with when it goes on from one whose key was lost
 * or leaked (evidence-log §5.1): it binds the new log to the last checkpoint of the old one,
 * so that nobody who has the old key can write that on unnoticed. Canonical JSON, as every
 * entry is.
 *
 * @param checkpoint the last signed checkpoint of the old log, as it is
 * @param vkey of the key that signed it
 * @param atMs wall clock, milliseconds since the Unix epoch
 */
export function encodeContinuationRecord(checkpoint: Uint8Array, vkey: string, atMs: number): Uint8Array {
  return utf8.encode(
    JSON.stringify({
      'event.name': 'capiscio.evidence_log_continued',
      'io.capisc.previous_checkpoint': new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(checkpoint),
      'io.capisc.previous_vkey': vkey,
      timestamp: new Date(atMs).toISOString(),
    }),
  )
}
