/** Brackets that may be open at once, the outermost object included. */
const MAX_DEPTH = 32

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/**
 * Parses JSON text whose top is an object, leaving no room for two readers to disagree
 * (the restrictions of I-JSON, RFC 7493 §2): member names are unique at every depth after
 * their escapes are resolved, and strings are well-formed Unicode. `__proto__` is a member
 * like any other: an own property that sets no prototype.
 *
 * The text is attacker-controlled. The caller bounds its length; time and memory are
 * linear in it.
 *
 * @throws {SyntaxError} for anything else. The message never quotes the text, which may
 *   be a secret.
 */
export function parseStrictJsonObject(text: string): Readonly<Record<string, unknown>> {
  // The scan assumes valid grammar. On other text it may see nonsense, but never accepts:
  // the grammar is checked after it.
  scan(text)
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError('The JSON text is not an object')
  }
  return value as Readonly<Record<string, unknown>>
}

/** Refuses what `JSON.parse` lets pass: depth, repeated names, lone surrogates. */
function scan(text: string): void {
  if (!text.isWellFormed()) throw new SyntaxError('The text is not well-formed Unicode')
  /** One entry per open bracket: the names so far of an object, nothing for an array. */
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        open.push(text[at] === '{' ? new Set() : undefined)
        if (open.length > MAX_DEPTH) throw new SyntaxError(`The JSON text is nested deeper than ${MAX_DEPTH} levels`)
        break
      case '}':
      case ']':
        open.pop()
        break
      case '"': {
        const end = endOfString(text, at)
        const string = decodeString(text.slice(at, end + 1))
        if (isFollowedByColon(text, end + 1)) refuseRepeated(string, open.at(-1))
        at = end
        break
      }
    }
  }
}

/** Index of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) return at
    if (unit === BACKSLASH) at++
  }
  throw new SyntaxError('The JSON text has a string without an end')
}

function decodeString(quoted: string): string {
  // Only escapes can spell a name in a second way, or half of a surrogate pair.
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  const string = parseJson(quoted) as string
  if (!string.isWellFormed()) throw new SyntaxError('The JSON text has a string that is not well-formed Unicode')
  return string
}

/** In valid JSON only a member name is followed by a colon. */
function isFollowedByColon(text: string, start: number): boolean {
  let at = start
  while (/[ \t\n\r]/.test(text.charAt(at))) at++
  return text.charCodeAt(at) === COLON
}

function refuseRepeated(name: string, names: Set<string> | undefined): void {
  if (names?.has(name)) throw new SyntaxError('The JSON text repeats a member name')
  names?.add(name)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The original message quotes the text around the error.
    throw new SyntaxError('The text is not JSON')
  }
}
