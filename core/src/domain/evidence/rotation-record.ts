const utf8 = new TextEncoder()

/**
 * The bytes of the record that says which key signs from now on (evidence-log §5.1).
 * Canonical JSON, as every entry is. The old key signs the checkpoint that covers it.
 *
 * @param atMs wall clock, milliseconds since the Unix epoch
 */
export function encodeRotationRecord(oldVkey: string, newVkey: string, atMs: number): Uint8Array {
  return utf8.encode(
    JSON.stringify({
      'event.name': 'capiscio.evidence_key_rotated',
      'io.capisc.new_vkey': newVkey,
      'io.capisc.old_vkey': oldVkey,
      timestamp: new Date(atMs).toISOString(),
    }),
  )
}
