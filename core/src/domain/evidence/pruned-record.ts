/** `event.name` of the record that retention writes before it removes bundles. */
const EVENT_NAME = 'capiscio.evidence_pruned'
const MINIMUM_INDEX = 'io.capisc.minimum_index'

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The bytes of the record that says which entries retention may remove from now on: those
 * below `minimumIndex`. Canonical JSON, as every entry is.
 *
 * @param atMs wall clock, milliseconds since the Unix epoch
 */
export function encodePrunedRecord(minimumIndex: number, atMs: number): Uint8Array {
  return utf8.encode(
    JSON.stringify({
      'event.name': EVENT_NAME,
      [MINIMUM_INDEX]: minimumIndex,
      timestamp: new Date(atMs).toISOString(),
    }),
  )
}

/** An entry as an object, or `undefined` when it is no JSON object in UTF-8. The bytes may be anything. */
export function parseEntry(entry: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(strictUtf8.decode(entry))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** The minimum index that a `pruned` record names; `undefined` for any other entry. */
export function prunedMinimum(entry: Readonly<Record<string, unknown>>): number | undefined {
  const minimum = entry[MINIMUM_INDEX]
  if (entry['event.name'] !== EVENT_NAME || typeof minimum !== 'number' || !Number.isSafeInteger(minimum)) {
    return undefined
  }
  return minimum
}
