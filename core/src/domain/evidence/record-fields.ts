/** Largest entry that the log can hold: entry bundles have a 16-bit length (evidence-log §2). */
export const MAX_ENTRY_BYTES = 65_535

const utf8 = new TextEncoder()

/**
 * The bytes of a record whose members are listed in the order of RFC 8785: sorted by
 * UTF-16 code unit. `JSON.stringify` writes strings and integers as that RFC does, keeps
 * the order, and leaves out members that are undefined.
 *
 * @throws RangeError when the entry would exceed 65535 bytes
 */
export function encodeSortedFields(
  fields: Readonly<Record<string, string | number | boolean | undefined>>,
): Uint8Array {
  const bytes = utf8.encode(JSON.stringify(fields))
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw new RangeError(
      `An evidence record has at most ${MAX_ENTRY_BYTES} bytes, not ${bytes.length}. Bound its strings.`,
    )
  }
  return bytes
}

/** Lone surrogates have no UTF-8 form and become U+FFFD. */
export function text(value: string): string {
  return value.toWellFormed()
}

/** The same for a member that is left out when it is absent or empty. */
export function optional(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : text(value)
}

/** @throws RangeError for anything but a safe integer */
export function integer(value: number, name: string): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be an integer, not ${value}.`)
  return value
}

/**
 * RFC 3339 in UTC with nine fraction digits; the clock has milliseconds, so six are zero.
 *
 * @throws RangeError for a time outside the years 0 to 9999
 */
export function timestamp(atMs: number): string {
  const iso = new Date(atMs).toISOString()
  // Years outside 0 to 9999 get a sign and six digits, which RFC 3339 does not know.
  if (iso.length !== 24) throw new RangeError(`The time ${iso} cannot be written as RFC 3339.`)
  return `${iso.slice(0, -1)}000000Z`
}
