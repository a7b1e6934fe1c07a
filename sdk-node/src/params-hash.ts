import { hash } from 'node:crypto'
import type { JsonValue } from '@capiscio/proto/sdk'
import { canonicalJson, canonicalJsonOfCopy } from '@capiscio/proto/sdk'

/**
 * The hash of a tool call's arguments as evidence records carry it: `sha256:` and the
 * base64url form, without padding, of SHA-256 over the JCS (RFC 8785) text in UTF-8.
 * Always 50 characters.
 *
 * ```ts
 * computeParamsHash({}) // 'sha256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o'
 * ```
 *
 * @throws TypeError naming the path of the first part that is not JSON: `undefined`,
 * functions, symbols, BigInt, NaN and Infinity, dates, maps, sets and other class
 * instances, sparse arrays, cycles, lone surrogates, more than 128 levels.
 */
export function computeParamsHash(params: unknown): string {
  return hashText(canonicalJson(params))
}

/** The same for a value that `copyJson` made. */
export function hashJsonCopy(copy: JsonValue): string {
  return hashText(canonicalJsonOfCopy(copy))
}

function hashText(text: string): string {
  return `sha256:${hash('sha256', text, 'base64url')}`
}
