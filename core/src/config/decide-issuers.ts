import { DidRefused } from '../domain/did/did-refused.ts'
import { parseP256Jwk } from '../domain/did/p256-public-key.ts'
import { parsePublicJwk } from '../domain/did/public-jwk.ts'
import { isReservedIssuer } from '../domain/trust/issuer-origin.ts'
import { parseJwks } from '../domain/trust/jwks.ts'
import { OriginRefused, parseHttpsOrigin } from '../lib/https-origin.ts'
import type { JwkSet, Profile, TrustedIssuerConfig } from './config.ts'
import type { ConfigFile, WrittenIssuer } from './config-file.ts'
import type { ConfigOrigin } from './config-origin.ts'
import { type Decisions, fromEnv } from './decisions.ts'
import { ENVIRONMENT_NAMES as ENV } from './environment.ts'
import { parseFilePath } from './file-path.ts'
import { parseBaseUrl, parseServiceUrl } from './service-url.ts'
import type { TrustSources } from './trust-sources.ts'
import { ValueRefused } from './value-refused.ts'

/** The sources, and which kinds of keys may be given with an issuer. */
export type IssuerSources = TrustSources & { readonly allowEs256: boolean }

const JWKS_PATH = '/.well-known/jwks.json'

/**
 * Decides the trusted issuers: those of the file, then the one that
 * CAPISCIO_REGISTRY_ENDPOINT names, and CAPISCIO_TRUST_STORE_KEY as the pinned key of one
 * of them or of CAPISCIO_TRUST_STORE_ISSUER.
 */
export function decideIssuers(decisions: Decisions, sources: IssuerSources): readonly TrustedIssuerConfig[] {
  const { profile, environment, file } = sources
  const issuers = new Map<string, TrustedIssuerConfig>()
  const add = (issuer: TrustedIssuerConfig, origin: ConfigOrigin): string => {
    issuers.set(issuer.issuer, issuer)
    const path = `trust.issuers[${[...issuers.keys()].indexOf(issuer.issuer)}]`
    decisions.note(path, origin)
    return path
  }

  for (const [index, written] of (file?.written.trust?.issuers ?? []).entries()) {
    if (file === undefined) break
    const issuer = decideIssuer(decisions, written, index, file, sources)
    if (issuer === undefined) continue
    const origin = file.originOf(['trust', 'issuers', index, 'issuer'])
    if (issuers.has(issuer.issuer)) decisions.refuse('CONFLICT', origin, 'The issuer is given twice: keep one')
    else add(issuer, origin)
  }

  const endpoint = fromEnv(ENV.registryEndpoint, environment.registryEndpoint)
  if (endpoint !== undefined) {
    const issuer = decisions.pick<string, string | undefined>(
      'registryEndpoint',
      [endpoint],
      (text) => parseIssuer(registryOrigin(text), profile),
      () => undefined,
    )
    if (issuer !== undefined && profile === 'air-gapped') {
      decisions.refuse('NOT_IN_PROFILE', endpoint.origin, NO_NETWORK)
    } else if (issuer !== undefined && !issuers.has(issuer)) {
      add({ issuer, jwksUrl: publishedJwksUrl(issuer) }, endpoint.origin)
    }
  }
  pinTrustStoreKey(decisions, sources, issuers, add)
  return [...issuers.values()]
}

const NO_NETWORK = 'Profile air-gapped reaches no network: bring the keys as jwksFile or keys, and leave URLs out'

function decideIssuer(
  decisions: Decisions,
  { issuer: name, jwksFile, jwksUrl, keys, apiUrl, didNamespaceUrl, snapshotFile }: WrittenIssuer,
  index: number,
  file: ConfigFile,
  { profile, home, allowEs256 }: IssuerSources,
): TrustedIssuerConfig | undefined {
  const at = `trust.issuers[${index}]`
  const field = <T, R>(key: string, raw: T | undefined, parse: (raw: T, base: string) => R) => {
    const candidate = file.candidate(['trust', 'issuers', index, key], raw)
    if (candidate === undefined) return undefined
    return decisions.pick<T, R | undefined>(`${at}.${key}`, [candidate], parse, () => undefined)
  }
  const url = (key: string, raw: string | undefined, parse = parseServiceUrl) => {
    if (raw !== undefined && profile === 'air-gapped') {
      decisions.refuse('NOT_IN_PROFILE', file.originOf(['trust', 'issuers', index, key]), NO_NETWORK)
      return undefined
    }
    return field(key, raw, (text) => parse(text, profile))
  }
  const issuer = field('issuer', name, (text) => parseIssuer(text, profile))
  const places = {
    apiUrl: url('apiUrl', apiUrl, parseBaseUrl),
    didNamespaceUrl: url('didNamespaceUrl', didNamespaceUrl, parseBaseUrl),
  }
  const snapshot = field('snapshotFile', snapshotFile, (text, base) => parseFilePath(text, base, home))
  const source = {
    jwksFile: field('jwksFile', jwksFile, (text, base) => parseFilePath(text, base, home)),
    jwksUrl: url('jwksUrl', jwksUrl),
    keys: field('keys', keys, (set) => parseInlineKeys(set, allowEs256)),
  }
  const given = [jwksFile, jwksUrl, keys].filter((one) => one !== undefined).length
  if (given > 1 || (given === 0 && profile === 'air-gapped')) {
    const reason = 'An issuer has its keys from one place: give exactly one of jwksFile, jwksUrl and keys'
    decisions.refuse('CONFLICT', file.originOf(['trust', 'issuers', index]), reason)
    return undefined
  }
  if (issuer === undefined) return undefined
  const common = {
    issuer,
    ...(places.apiUrl !== undefined && { apiUrl: places.apiUrl }),
    ...(places.didNamespaceUrl !== undefined && { didNamespaceUrl: places.didNamespaceUrl }),
    ...(snapshot !== undefined && { snapshotFile: snapshot }),
  }
  if (source.jwksFile !== undefined) return { ...common, jwksFile: source.jwksFile }
  if (source.jwksUrl !== undefined) return { ...common, jwksUrl: source.jwksUrl }
  if (given === 0) return { ...common, jwksUrl: publishedJwksUrl(places.apiUrl ?? issuer) }
  return source.keys && { ...common, keys: source.keys }
}

/** Where an issuer publishes its keys (badges.md §7), when nothing else is said. */
function publishedJwksUrl(place: string): string {
  return new URL(JWKS_PATH, place).href
}

function pinTrustStoreKey(
  decisions: Decisions,
  { profile, environment, home }: TrustSources,
  issuers: ReadonlyMap<string, TrustedIssuerConfig>,
  add: (issuer: TrustedIssuerConfig, origin: ConfigOrigin) => string,
): void {
  const key = fromEnv(ENV.trustStoreKey, environment.trustStoreKey)
  const named = fromEnv(ENV.trustStoreIssuer, environment.trustStoreIssuer)
  if (key === undefined) {
    if (named !== undefined) decisions.warn(ENV.trustStoreIssuer, `Has no effect without ${ENV.trustStoreKey}`)
    return
  }
  const jwksFile = decisions.pick<string, string | undefined>(
    'trustStoreKey',
    [key],
    (text, base) => parseFilePath(text, base, home),
    () => undefined,
  )
  const issuer = decisions.pick<string, string | undefined>(
    'trustStoreIssuer',
    [named],
    (text) => parseIssuer(text, profile),
    () => (issuers.size === 1 ? [...issuers.keys()][0] : undefined),
  )
  if (issuer === undefined || jwksFile === undefined) {
    if (named === undefined) {
      const reason = `A key is trusted for one issuer: say which with ${ENV.trustStoreIssuer}=https://…`
      decisions.refuse('CONFLICT', key.origin, reason)
    }
    return
  }
  const known = issuers.get(issuer)
  if (known !== undefined) decisions.warn(ENV.trustStoreKey, `Its key replaces the other keys configured for ${issuer}`)
  const { apiUrl, didNamespaceUrl, snapshotFile } = known ?? {}
  const pinned = {
    issuer,
    jwksFile,
    ...(apiUrl !== undefined && { apiUrl }),
    ...(didNamespaceUrl !== undefined && { didNamespaceUrl }),
    ...(snapshotFile !== undefined && { snapshotFile }),
  }
  decisions.note(`${add(pinned, key.origin)}.jwksFile`, key.origin)
}

function parseIssuer(text: string, profile: Profile): string {
  try {
    const origin = parseHttpsOrigin(text)
    if (profile !== 'dev' && isReservedIssuer(origin)) {
      const reason = `Names under .invalid are for tests: profile ${profile} trusts none of them`
      throw new ValueRefused(reason, 'NOT_IN_PROFILE')
    }
    return origin
  } catch (refused) {
    if (!(refused instanceof OriginRefused)) throw refused
    throw new ValueRefused(
      `${refused.message}. Where it is really reached goes into jwksUrl, apiUrl and didNamespaceUrl`,
    )
  }
}

/** Without a path the issuer itself, with one the URL that events go to. */
function registryOrigin(text: string): string {
  const url = URL.parse(text)
  if (url === null || url.protocol !== 'https:') {
    throw new ValueRefused(
      'Write an HTTPS URL; an issuer that is reached over HTTP goes into trust.issuers of the file',
    )
  }
  if (url.username !== '' || url.password !== '')
    throw new ValueRefused('A URL holds no user and password: leave them out')
  return url.origin
}

/** The operator wrote each of these keys, so that none is left out silently, as in a fetched set. */
function parseInlineKeys({ keys }: JwkSet, allowEs256: boolean): JwkSet {
  for (const [index, key] of keys.entries()) {
    try {
      if (allowEs256 && key.kty === 'EC') parseP256Jwk(key)
      else parsePublicJwk(key)
    } catch (refused) {
      if (!(refused instanceof DidRefused)) throw refused
      throw new ValueRefused(`Key ${index}: ${refused.message}`)
    }
  }
  if (parseJwks(JSON.stringify({ keys }), { allowEs256 }).length !== keys.length) {
    throw new ValueRefused('A kid is a text and names one key: give each key its own')
  }
  return { keys: keys.map((key) => ({ ...key })) }
}
