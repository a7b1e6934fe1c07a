import { hash } from 'node:crypto'

/**
 * The hash that the Python package `capiscio-mcp` up to 2.7 gives the same arguments, for comparing
 * with its records: `sha256:` and base64url without padding, 50 characters. It is not RFC 8785:
 * numbers are spelled as Python does, and everything outside ASCII is escaped. New records
 * carry `computeParamsHash`.
 *
 * ```ts
 * computePythonParamsHash('{"amount":10.0}') // differs from '{"amount":10}'
 * ```
 *
 * @param json The arguments as JSON text. JavaScript values will not do: they do not tell 10.0
 * from 10, and Python does.
 * @throws TypeError for anything but a string; SyntaxError for text that is no JSON.
 */
export function computePythonParamsHash(json: string): string {
  if (typeof json !== 'string') throw new TypeError('computePythonParamsHash takes the arguments as JSON text.')
  const text = write(parseWithSource(json, keepSpelling))
  return `sha256:${hash('sha256', text, 'base64url')}`
}

/** A number as it was written. */
class SpelledNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

/** Revivers are told how a number was written; the type does not say so yet. */
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

function keepSpelling(_: string, value: unknown, context: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new SpelledNumber(context.source ?? String(value)) : value
}

function write(value: unknown): string {
  if (value instanceof SpelledNumber) return writeNumber(value.source)
  if (typeof value === 'string') return writeText(value)
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const members = Object.entries(value).sort(([a], [b]) => compareCodePoints(a, b))
  return `{${members.map(([name, member]) => `${writeText(name)}:${write(member)}`).join(',')}}`
}

/** A number with neither point nor exponent is an integer there, of any size. */
function writeNumber(source: string): string {
  if (/^-?\d+$/.test(source)) return source === '-0' ? '0' : source
  const number = Number(source)
  if (!Number.isFinite(number)) return number < 0 ? '-Infinity' : 'Infinity'
  const sign = number < 0 || Object.is(number, -0) ? '-' : ''
  const [digits = '', power = ''] = Math.abs(number).toExponential().split('e')
  const mantissa = digits.replace('.', '')
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 16) {
    const shown = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${digits}e${exponent < 0 ? '-' : '+'}${shown}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${mantissa}`
  const whole = mantissa.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${mantissa.slice(exponent + 1) || '0'}`
}

const SHORT: Readonly<Record<string, string>> = { '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Everything but printable ASCII is escaped, by UTF-16 code unit. */
function writeText(text: string): string {
  const escaped = text
    .replace(/["\\]/g, '\\$&')
    .replace(/[^ -~]/g, (unit) => SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `"${escaped}"`
}

function compareCodePoints(a: string, b: string): number {
  const others = [...b]
  for (const [index, character] of [...a].entries()) {
    const difference = (character.codePointAt(0) ?? 0) - (others[index]?.codePointAt(0) ?? -1)
    if (difference !== 0) return difference
  }
  return [...a].length - others.length
}
