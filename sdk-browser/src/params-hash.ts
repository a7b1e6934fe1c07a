import { canonicalJson } from '@capiscio/proto/sdk'

/**
 * The hash of a tool call's arguments as evidence records carry it: `sha256:` and the
 * base64url form, without padding, of SHA-256 over the JCS (RFC 8785) text in UTF-8.
 * Always 50 characters. The arguments are read before the promise is returned.
 *
 * ```ts
 * await computeParamsHash({}) // 'sha256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o'
 * ```
 *
 * Rejects with `TypeError`, naming the path of the first part that is not JSON: `undefined`,
 * functions, symbols, BigInt, NaN and Infinity, dates, maps, sets and other class
 * instances, sparse arrays, cycles, lone surrogates, more than 128 levels. Also where the
 * browser offers no WebCrypto, which it does on pages from https and from this machine.
 */
export async function computeParamsHash(params: unknown): Promise<string> {
  const text = canonicalJson(params)
  const subtle = globalThis.crypto?.subtle
  if (subtle === undefined) {
    throw new TypeError('WebCrypto is missing, so nothing can be hashed: serve this page over https or from localhost.')
  }
  const digest = await subtle.digest('SHA-256', new TextEncoder().encode(text))
  return `sha256:${toBase64url(new Uint8Array(digest))}`
}

function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
