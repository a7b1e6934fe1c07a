import {
  CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from 'yaml'

/** A mistake in a YAML text, at a place counted from 1. */
export interface YamlProblem {
  readonly line: number
  readonly column: number
  /** What is wrong and what to do instead. */
  readonly reason: string
}

/** The text is not in the subset of YAML that is read here. */
export class YamlRefused extends Error {
  override readonly name = 'YamlRefused'
  readonly problems: readonly YamlProblem[]

  constructor(problems: readonly YamlProblem[]) {
    super(problems.map(({ line, column, reason }) => `line ${line}, column ${column}: ${reason}`).join('; '))
    this.problems = problems
  }
}

/** A YAML text as plain values. Objects have no prototype, so that no member name is special. */
export interface StrictYaml {
  readonly value: unknown
  /** Where the value at the path stands, or the nearest value around it. */
  locate(path: readonly PropertyKey[]): { readonly line: number; readonly column: number }
  /** Where the name of a member stands. */
  locateKey(path: readonly PropertyKey[], key: string): { readonly line: number; readonly column: number }
}

const MAX_DEPTH = 32
const MAX_PROBLEMS = 20

type Place = (offset: number) => { readonly line: number; readonly column: number }

/**
 * Reads one YAML 1.2 document without anchors, aliases, merge keys, tags and directives:
 * each value is written where it counts, nothing expands, and no name hides another. The
 * time is linear in the text; callers bound its size.
 *
 * @throws {YamlRefused} with up to 20 problems
 */
export function parseStrictYaml(text: string): StrictYaml {
  const lines = new LineCounter()
  const place: Place = (offset) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  refuseForbiddenTokens(text)
  // Duplicate names are looked for below: the library compares each pair of them. Its
  // pretty errors cost the length of the line, each.
  const document = parseDocument(text, {
    schema: 'core',
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    // Not `silent`, which would also silence that a second document follows.
    logLevel: 'error',
  })
  const found = [...document.errors, ...document.warnings]
  if (found.length > 0) {
    throw new YamlRefused(
      found.slice(0, MAX_PROBLEMS).map(({ pos, code, message }) => ({
        ...place(pos[0]),
        reason: code === 'RESOURCE_EXHAUSTION' ? TOO_DEEP : message,
      })),
    )
  }
  const problems: YamlProblem[] = []
  const value = toPlain(document.contents, 0, place, problems)
  if (problems.length > 0) throw new YamlRefused(problems.slice(0, MAX_PROBLEMS))
  return {
    value,
    locate: (path) => place(offsetOf(document, path)),
    locateKey: (path, key) => place(offsetOfKey(document, path, key)),
  }
}

const TOO_DEEP = `Values are nested more than ${MAX_DEPTH} deep: nothing here needs that`

const UNOPENED = 'This ] or } closes nothing: remove it, or quote the text that begins with it'

/** Runs before the tree is built, so that nothing forbidden ever costs more than its length. */
function refuseForbiddenTokens(text: string): void {
  let offset = 0
  let depth = 0
  let isScalarText = false
  for (const lexeme of new Lexer().lex(text)) {
    const kind: string | null = isScalarText ? 'scalar-text' : CST.tokenType(lexeme)
    isScalarText = kind === 'scalar'
    if (kind === 'flow-seq-start' || kind === 'flow-map-start') depth++
    if (kind === 'flow-seq-end' || kind === 'flow-map-end') depth--
    const reason = depth > MAX_DEPTH ? TOO_DEEP : depth < 0 ? UNOPENED : FORBIDDEN.get(kind ?? '')
    if (reason !== undefined) {
      const before = text.slice(0, offset)
      throw new YamlRefused([{ line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), reason }])
    }
    if (!WITHOUT_TEXT.has(kind ?? '')) offset += lexeme.length
  }
}

const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ['anchor', 'Anchors (&name) are not read: write the value out where it counts'],
  ['alias', 'Aliases (*name) are not read: write the value out, or quote a text that begins with *'],
  ['tag', 'Tags (!name) are not read: leave the tag out, or quote a text that begins with !'],
  ['directive-line', 'Directives (%NAME) are not read: leave the line out'],
])

/** Tokens of the lexer's own, which stand for nothing in the text. */
const WITHOUT_TEXT: ReadonlySet<string> = new Set(['doc-mode', 'flow-error-end', 'scalar'])

function toPlain(node: ParsedNode | null, depth: number, place: Place, problems: YamlProblem[]): unknown {
  if (problems.length >= MAX_PROBLEMS || node === null) return null
  if (depth > MAX_DEPTH) {
    problems.push({ ...place(node.range[0]), reason: TOO_DEEP })
    return null
  }
  if (isScalar(node)) return node.value
  if (isSeq(node)) return node.items.map((item) => toPlain(item as ParsedNode | null, depth + 1, place, problems))
  if (isMap(node)) return toPlainObject(node as YAMLMap.Parsed, depth, place, problems)
  problems.push({ ...place(node.range[0]), reason: 'This kind of value is not read here' })
  return null
}

function toPlainObject(node: YAMLMap.Parsed, depth: number, place: Place, problems: YamlProblem[]): unknown {
  const object: Record<string, unknown> = Object.create(null)
  const firstOffsets = new Map<string, number>()
  for (const { key, value } of node.items) {
    const offset = key?.range[0] ?? node.range[0]
    if (!isScalar(key) || typeof key.value !== 'string') {
      problems.push({ ...place(offset), reason: 'The name of a field is a text: quote it' })
      continue
    }
    const first = firstOffsets.get(key.value)
    if (first !== undefined) {
      const shown = JSON.stringify(key.value)
      problems.push({
        ...place(offset),
        reason: `${shown} is given twice, first in line ${place(first).line}: keep one`,
      })
      continue
    }
    firstOffsets.set(key.value, offset)
    object[key.value] = toPlain(value, depth + 1, place, problems)
  }
  return object
}

function nodeAt(document: Document.Parsed, path: readonly PropertyKey[]): ParsedNode | null {
  let node: ParsedNode | null = document.contents
  for (const step of path) {
    if (!isCollection(node)) break
    const next = node.get(typeof step === 'symbol' ? String(step) : step, true)
    if (next === undefined || next === null || isAlias(next)) break
    node = next as ParsedNode
  }
  return node
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  return nodeAt(document, path)?.range[0] ?? 0
}

function offsetOfKey(document: Document.Parsed, path: readonly PropertyKey[], name: string): number {
  const node = nodeAt(document, path)
  if (isMap(node)) {
    for (const { key } of (node as YAMLMap.Parsed).items) {
      if (isScalar(key) && key.value === name) return key.range[0]
    }
  }
  return node?.range[0] ?? 0
}
