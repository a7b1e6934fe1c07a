import { isDidKey, parseDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import { issuerOriginOf } from '../did/did-web.ts'
import { parseIssuerOrigin } from './issuer-origin.ts'

/**
 * Whose badges count. An immutable value: the core's configuration makes the widest one,
 * and every step from there can only take away.
 */
export interface TrustedIssuers {
  /** Whether badges of levels 1 to 4 that name this origin count. */
  trustsIssuer(origin: string): boolean
  /** Whether level 0 badges that this did:key signed for itself count. */
  trustsSelfSigned(did: string): boolean
  /**
   * What remains under the demands of one request.
   *
   * An empty list keeps every issuer. `did:web:HOST` stands for `https://HOST`. Unknown
   * entries match nothing, so they narrow and never add. Level 0 remains where it was
   * trusted before and the request accepts level 0 or lists the did:key.
   */
  narrow(list: readonly string[], acceptLevelZero: boolean): TrustedIssuers
  /**
   * What remains when only the listed issuers may count, as a policy rule demands. Level 0
   * remains only for listed did:keys. An empty list leaves nobody.
   */
  onlyIssuers(list: readonly string[]): TrustedIssuers
}

export interface TrustConfiguration {
  /** HTTPS origins. None means that nobody's badges of levels 1 to 4 count. */
  readonly issuers: readonly string[]
  /** did:keys whose level 0 badges count. */
  readonly levelZeroKeys: readonly string[]
  /** Whether level 0 badges of every did:key count. For development only. */
  readonly acceptLevelZero: boolean
}

/** Which did:keys count: every one, or those of a set. */
interface LevelZeroTrust {
  readonly everyKey: boolean
  readonly keys: ReadonlySet<string>
}

/**
 * Builds the trust of a core from its configuration.
 *
 * @throws {TypeError} for an issuer that is not an HTTPS origin, or a level 0 key that is
 *   not a sound did:key: dropping it silently would hide a mistake.
 */
export function createTrustedIssuers(configuration: TrustConfiguration): TrustedIssuers {
  const issuers = new Set(configuration.issuers.map(configuredOrigin))
  const keys = new Set(configuration.levelZeroKeys.map(configuredKey))
  return trusting(issuers, { everyKey: configuration.acceptLevelZero, keys })
}

function trusting(issuers: ReadonlySet<string>, levelZero: LevelZeroTrust): TrustedIssuers {
  return {
    trustsIssuer: (origin) => issuers.has(origin),
    trustsSelfSigned: (did) => levelZero.everyKey || levelZero.keys.has(did),
    narrow(list, acceptLevelZero) {
      const listed = read(list)
      return trusting(
        list.length === 0 ? issuers : common(issuers, listed.origins),
        both(levelZero, { everyKey: acceptLevelZero, keys: listed.keys }),
      )
    },
    onlyIssuers(list) {
      const listed = read(list)
      return trusting(common(issuers, listed.origins), both(levelZero, { everyKey: false, keys: listed.keys }))
    },
  }
}

/** Trust in exactly those keys that both sides trust. */
function both(a: LevelZeroTrust, b: LevelZeroTrust): LevelZeroTrust {
  if (a.everyKey) return b.everyKey ? { everyKey: true, keys: new Set() } : b
  return b.everyKey ? a : { everyKey: false, keys: common(a.keys, b.keys) }
}

function common(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...b].filter((entry) => a.has(entry)))
}

/** Sorts a caller's list. A did:key that is no sound key simply matches no badge. */
function read(list: readonly string[]): { origins: ReadonlySet<string>; keys: ReadonlySet<string> } {
  const origins = new Set<string>()
  const keys = new Set<string>()
  for (const entry of list) {
    if (isDidKey(entry)) {
      keys.add(entry)
      continue
    }
    const origin = parseIssuerOrigin(entry) ?? issuerOriginOf(entry)
    if (origin !== undefined) origins.add(origin)
  }
  return { origins, keys }
}

function configuredOrigin(text: string): string {
  const origin = parseIssuerOrigin(text)
  if (origin !== undefined) return origin
  throw new TypeError(`A trusted issuer must be an HTTPS origin such as https://registry.example.com, not ${text}`)
}

function configuredKey(did: string): string {
  try {
    parseDidKey(did)
    return did
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    throw new TypeError(`A trusted level 0 key must be a did:key of an Ed25519 key, not ${did}`, { cause })
  }
}
