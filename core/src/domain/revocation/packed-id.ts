/** A packed id is a UUID as 16 bytes, or as four words of 32 bits, most significant first. */
export const PACKED_BYTES = 16
export const PACKED_WORDS = 4

/** Text positions of the four groups of eight digits, hyphens left out. */
const TEXT_LENGTH = 36
const HYPHENS = [8, 13, 18, 23] as const
const HYPHEN = 0x2d

/**
 * Reads a UUID in its text form (RFC 9562 §4), in either case, into `words`. Returns
 * whether the text is one; otherwise `words` holds nothing of use.
 */
export function packId(text: string, words: Uint32Array): boolean {
  if (text.length !== TEXT_LENGTH) return false
  for (const at of HYPHENS) if (text.charCodeAt(at) !== HYPHEN) return false
  let word = 0
  let digits = 0
  for (let at = 0; at < TEXT_LENGTH; at++) {
    if (at === 8 || at === 13 || at === 18 || at === 23) continue
    const digit = hexDigit(text.charCodeAt(at))
    if (digit < 0) return false
    word = (word << 4) | digit
    digits++
    if (digits % 8 === 0) words[digits / 8 - 1] = word
  }
  return true
}

/** The text form of a packed id, in lower case. */
export function unpackId(words: ArrayLike<number>, offset = 0): string {
  let hex = ''
  for (let n = 0; n < PACKED_WORDS; n++) hex += ((words[offset + n] ?? 0) >>> 0).toString(16).padStart(8, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
