import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import type { TrustRecord } from '../../ports/trust-records.ts'
import { isDidKey, parseDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import { isSameKey } from '../did/ed25519-public-key.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { TrustRefused } from './trust-refused.ts'
import { type TrustedKey, type TrustedKeyDetails, trustAgentKey, trustIssuerKey } from './trusted-key.ts'

/** A file or record that does not count, and why. */
export interface TrustProblem {
  readonly name: string
  readonly reason: string
}

export interface ReadKeys {
  readonly keys: readonly TrustedKey[]
  readonly problems: readonly TrustProblem[]
}

type Members = Readonly<Record<string, unknown>>

const ISSUERS_FILE = 'issuers.json'

/** Characters that earlier tools replaced by `_` in file names, so that two key ids may share one. */
const REPLACED = /[/\\:*?"<>|]/g

/**
 * Reads the layout that earlier tools wrote (badges.md §15): one `<kid>.jwk` per key, and
 * `issuers.json` with the key ids of each issuer.
 *
 * A key counts for every issuer that lists its own `kid`; the name of the file only finds
 * it. A key that no issuer lists counts as an agent's where its `kid` is its did:key. All
 * else is named as a problem: those tools kept such keys without ever using them.
 */
export function readReferenceLayout(files: readonly TrustRecord[], details: TrustedKeyDetails): ReadKeys {
  const problems: TrustProblem[] = []
  const keys: TrustedKey[] = []
  const jwks = new Map(
    files
      .filter(({ name }) => name !== ISSUERS_FILE)
      .map(({ name, text }) => [name, attempt(name, problems, () => parseStrictJsonObject(text))]),
  )
  const used = new Set<string>()
  const index = files.find(({ name }) => name === ISSUERS_FILE)
  for (const [issuer, kids] of readIssuers(index, problems)) {
    for (const kid of kids) {
      const name = `${kid.replace(REPLACED, '_')}.jwk`
      const jwk = jwks.get(name)
      used.add(name)
      if (jwk === undefined) {
        if (!jwks.has(name)) problems.push({ name, reason: `The key of ${issuer} is not there` })
      } else if (jwk.kid !== kid) {
        problems.push({ name, reason: `The file holds another key than the one that ${issuer} lists` })
      } else {
        const key = attempt(name, problems, () => trustIssuerKey(issuer, kid, parsePublicJwk(jwk), details))
        if (key !== undefined) keys.push(key)
      }
    }
  }
  for (const [name, jwk] of jwks) {
    if (jwk === undefined || used.has(name)) continue
    const key = attempt(name, problems, () => agentKey(jwk, details))
    if (key !== undefined) keys.push(key)
  }
  return { keys, problems }
}

function readIssuers(index: TrustRecord | undefined, problems: TrustProblem[]): [string, readonly string[]][] {
  if (index === undefined) return []
  const issuers = attempt(index.name, problems, () => parseStrictJsonObject(index.text)) ?? {}
  return Object.entries(issuers).flatMap(([issuer, kids]): [string, readonly string[]][] => {
    if (Array.isArray(kids) && kids.every((kid) => typeof kid === 'string')) return [[issuer, kids]]
    problems.push({ name: index.name, reason: `The key ids of ${issuer} are not a list of texts` })
    return []
  })
}

function agentKey(jwk: Members, details: TrustedKeyDetails): TrustedKey {
  const publicKey = parsePublicJwk(jwk)
  const { kid } = jwk
  if (typeof kid !== 'string' || !isDidKey(kid) || !isSameKey(parseDidKey(kid), publicKey)) {
    throw new TrustRefused('TRUST_ISSUER_INVALID', 'No issuer lists the key: add it again and say whose it is')
  }
  return trustAgentKey(kid, details)
}

/** Runs a parser; its refusal becomes a problem of the file. */
function attempt<T>(name: string, problems: TrustProblem[], parse: () => T): T | undefined {
  try {
    return parse()
  } catch (refused) {
    const expected = refused instanceof DidRefused || refused instanceof TrustRefused || refused instanceof SyntaxError
    if (!expected) throw refused
    problems.push({ name, reason: refused.message })
    return undefined
  }
}
