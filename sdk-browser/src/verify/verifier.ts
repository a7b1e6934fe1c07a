import type { VerifiedBadge as CoreBadge, VerificationOptions } from '@capiscio/core/verification'
import { BadgeRefused, createVerification, RpcFault } from '@capiscio/core/verification'
import {
  decodeServerVerification,
  type IdentityAssuranceLevel,
  InvalidRequestError,
  MAX_TIMEOUT_MS,
  readOptions,
  type ServerToVerify,
  type ServerVerification,
  type TrustLevel,
  toVerifyServerRequest,
  type VerifyConfig,
  withLimits,
} from '@capiscio/proto/sdk'
import { requireAbortSignal, throwIfAborted } from '../abort-signal.ts'
import { BadgeError } from './badge-error.ts'
import { createNobleEd25519Verifier } from './noble-ed25519.ts'
import { requireOrigin } from './require-origin.ts'

/** A badge that is genuine, in time and from an issuer that counts. Frozen. */
export interface BadgeToCheck {
  /** UUID v4. */
  readonly jti: string
  readonly issuer: string
  /** DID of the agent or server. */
  readonly subject: string
  readonly trustLevel: TrustLevel
}

/** What a core takes from its configuration, a page says here. */
export interface VerifierOptions {
  /**
   * Whose badges of levels 1 to 4 count: HTTPS origin, and its JWKS as text or as JSON value. Bring them with the page, and
   * never take them from the server that is to be verified. What was fetched is better given as text: a parsed value no
   * longer shows that a name was there twice. Default: nobody's.
   */
  readonly issuers?: Readonly<Record<string, string | object>> | undefined
  /**
   * Whether a badge was revoked or its subject disabled. Whatever it gives but `false` refuses the badge, a rejection included.
   * Required with `issuers`. Who cannot know says `() => false`, and takes badges as good until they expire.
   */
  readonly isRevoked?: ((badge: BadgeToCheck) => boolean | Promise<boolean>) | undefined
  /** did:keys whose self-signed badges (level 0) count. Default: nobody's. */
  readonly levelZeroKeys?: readonly string[] | undefined
  /** Your own identifiers: a badge with an audience must name one. Default: none, and such badges are for somebody else. */
  readonly audience?: string | readonly string[] | undefined
  /** Let `verifyBadge` refuse badges without an audience; those of servers are for whoever connects. Needs `audience`. Default false. */
  readonly requireAudience?: boolean | undefined
  /**
   * The DID document of a did:web as text, for badges of identity assurance level 1. A rejection refuses the badge.
   * Default: such badges are refused unless their subject is a did:key.
   */
  readonly resolveDid?: ((did: string) => string | Promise<string>) | undefined
  /** Tolerated difference to the issuer's clock, milliseconds, at most 300 000. Default 60 000. */
  readonly clockSkewMs?: number | undefined
  /** Accept issuers under `.invalid` too, as `capiscio dev` makes them. Default false. */
  readonly development?: boolean | undefined
  /** The time, milliseconds since the epoch. Default `Date.now`. */
  readonly nowMs?: (() => number) | undefined
}

/** What a badge says that counts. Frozen. */
export interface VerifiedBadge {
  /** UUID v4. */
  readonly jti: string
  /** The HTTPS origin that vouches; at level 0 the did:key of the subject. */
  readonly issuer: string
  /** DID of the agent or server. */
  readonly subject: string
  readonly trustLevel: TrustLevel
  readonly ial: IdentityAssuranceLevel
  /** Undefined: for everybody. */
  readonly audience: readonly string[] | undefined
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** Domain that the issuer has checked, from level 2 on. */
  readonly domain: string | undefined
  /** Ed25519 public key of the subject, 32 bytes. */
  readonly publicKey: Uint8Array
}

/** Options of `verifyBadge`. */
export interface BadgeVerificationOptions {
  /** Gives up when aborted; rejects with `CallAbortedError`. */
  readonly signal?: AbortSignal | undefined
}

/** Options of `verifyServer`. */
export interface ServerVerificationOptions extends BadgeVerificationOptions {
  /** What you demand of the server. It can only narrow what the verifier trusts. */
  readonly config?: VerifyConfig | undefined
}

/** Verifies in the page, by the rules of the core and without one. Nothing is recorded. */
export interface Verifier {
  /**
   * Verifies a trust badge (RFC-002 §8.1).
   *
   * @throws BadgeError unless it counts.
   */
  verifyBadge(badge: string, options?: BadgeVerificationOptions): Promise<VerifiedBadge>
  /**
   * Who an MCP server is, from what it disclosed (RFC-007 §7). A server that is not verified is an answer; go no
   * further with it, or hand the answer to `ServerVerifyError`. With `offlineMode` no DID is resolved; `isRevoked` is asked
   * all the same.
   *
   * @throws TypeError without `transportOrigin`: there are no child processes here.
   * @throws InvalidRequestError for values out of range.
   */
  verifyServer(server: ServerToVerify, options?: ServerVerificationOptions): Promise<ServerVerification>
}

const NAMES = [
  'issuers',
  'isRevoked',
  'levelZeroKeys',
  'audience',
  'requireAudience',
  'resolveDid',
  'clockSkewMs',
  'development',
  'nowMs',
] as const satisfies readonly (keyof VerifierOptions)[]

/**
 * Makes a verifier. It holds nothing that would have to be closed.
 *
 * ```ts
 * const verifier = createVerifier({ issuers: { 'https://registry.example.com': jwks }, isRevoked: () => false })
 * const server = await verifier.verifyServer({ ...disclosed, transportOrigin: 'https://mcp.example.com' })
 * if (!server.isVerified) throw new ServerVerifyError(server)
 * ```
 *
 * @throws TypeError for wrong options: a misspelt demand must not be ignored.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const verification = createVerification(decide(options))
  return Object.freeze({
    async verifyBadge(badge: string, given: BadgeVerificationOptions = {}) {
      const { signal } = readCall(given, ['signal'])
      if (typeof badge !== 'string') throw new TypeError('A badge is a text: the compact JWS.')
      throwIfAborted(signal)
      return until(signal, verification.verifyBadge(badge).then(toBadge, toError))
    },
    async verifyServer(server: ServerToVerify, given: ServerVerificationOptions = {}) {
      const { signal, config = {} } = readCall(given, ['config', 'signal'])
      const request = toVerifyServerRequest(server, config as VerifyConfig)
      requireOrigin(request)
      throwIfAborted(signal)
      const answer = verification.verifyServer(request).catch(toError)
      return decodeServerVerification(await until(signal, answer), request)
    },
  })
}

/** Own members only, each read once: what is inherited or changes its mind decides nothing. */
function decide(options: VerifierOptions): VerificationOptions {
  const given = readOptions(options, NAMES, 'The options of createVerifier')
  const { clockSkewMs = 60_000, nowMs = Date.now, isRevoked, resolveDid } = given
  const keySets = readIssuers(given.issuers === undefined ? {} : given.issuers)
  requireFunctions({ nowMs, isRevoked, resolveDid })
  if (typeof clockSkewMs !== 'number') throw new TypeError('clockSkewMs must be a whole number of milliseconds.')
  if (keySets.size > 0 && isRevoked === undefined) {
    throw new TypeError(
      'isRevoked is required with issuers. Where nobody can know, () => false takes badges as good until they expire.',
    )
  }
  const revoked = (isRevoked ?? nobodyKnows) as NonNullable<VerifierOptions['isRevoked']>
  return {
    ...{ keySets, clockSkewMs },
    levelZeroKeys: texts('levelZeroKeys', given.levelZeroKeys),
    audience: texts('audience', typeof given.audience === 'string' ? [given.audience] : given.audience),
    requireAudience: flag(given, 'requireAudience'),
    acceptReservedIssuers: flag(given, 'development'),
    isRevoked: ({ level, ...badge }) => revoked(Object.freeze({ ...badge, trustLevel: level as TrustLevel })),
    resolveDid: resolveDid as VerifierOptions['resolveDid'],
    ed25519: createNobleEd25519Verifier(),
    clock: { nowMs: () => timeOf(nowMs as () => number), monotonicMs: () => performance.now() },
  }
}

/** Self-signed badges have no issuer who could revoke them. */
function nobodyKnows(): boolean {
  return false
}

function requireFunctions(given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function.`)
  }
}

function texts(name: string, list: unknown = []): readonly string[] {
  const copy: readonly unknown[] = Array.isArray(list) ? Array.from(list) : [undefined]
  if (copy.every((entry) => typeof entry === 'string' && entry !== '')) return copy as readonly string[]
  throw new TypeError(`${name} must be a list of non-empty strings.`)
}

function flag(given: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = given[name]
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  return value === true
}

/** JWKS text by issuer. A `Map` would pass for an object without issuers. */
function readIssuers(given: unknown): ReadonlyMap<string, string> {
  const prototype: unknown = typeof given === 'object' && given !== null ? Object.getPrototypeOf(given) : undefined
  if (prototype !== null && prototype !== Object.prototype) {
    throw new TypeError('issuers must be an object: the HTTPS origin of each issuer, and its JWKS.')
  }
  return new Map(Object.entries(given as object).map(([issuer, jwks]) => [issuer, textOf(jwks)]))
}

function textOf(jwks: unknown): string {
  const text: unknown = typeof jwks === 'object' && jwks !== null ? JSON.stringify(jwks) : jwks
  if (typeof text === 'string') return text
  throw new TypeError('The keys of an issuer must be a JWKS, as text or as JSON value.')
}

/** What is no time would be added to as if it were text, or compared as if it were none. */
function timeOf(nowMs: () => number): number {
  const now: unknown = nowMs()
  if (typeof now === 'number' && Number.isFinite(now)) return now
  throw new TypeError('nowMs must give the milliseconds since the epoch, as a number.')
}

function readCall(
  given: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> & { readonly signal: AbortSignal | undefined } {
  const options = readOptions(given, names, 'The options of a verification')
  const { signal } = options
  requireAbortSignal(signal)
  return { ...options, signal }
}

/** Nothing here takes time but what the caller's own functions take. */
function until<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  const neverEnded = (): Error => new TypeError('isRevoked or resolveDid never ended.')
  return withLimits(work, { signal, timeoutMs: MAX_TIMEOUT_MS }, neverEnded)
}

function toBadge(badge: CoreBadge): VerifiedBadge {
  const { jti, issuer, subject, level, ial, audience, issuedAt, expiresAt, domain, subjectKey } = badge
  // Without its key a badge is refused before.
  if (subjectKey === undefined) throw new BadgeError('BADGE_CLAIMS_INVALID', 'The badge holds no key.')
  return Object.freeze({
    ...{ jti, issuer, subject, ial, audience, domain },
    trustLevel: level,
    issuedAtMs: issuedAt * 1000,
    expiresAtMs: expiresAt * 1000,
    publicKey: subjectKey,
  })
}

function toError(thrown: unknown): never {
  if (thrown instanceof BadgeRefused) {
    const { code, cause, retryable } = thrown
    // The core speaks of its own sources there.
    const message =
      code === 'REVOCATION_CHECK_FAILED' && cause instanceof Error
        ? `Whether the badge was revoked is not known now: ${cause.message}. Try again later.`
        : thrown.message
    throw new BadgeError(code, message, { cause, retryable })
  }
  if (thrown instanceof RpcFault) throw new InvalidRequestError(thrown.message, thrown.violations)
  throw thrown
}
