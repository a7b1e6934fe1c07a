import type { BadgeInQuestion, VerifiedBadge as CoreBadge } from '@capiscio/core/verification'
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
import { requireAbortSignal } from '../abort-signal.ts'
import { BadgeError } from './badge-error.ts'
import { createNobleEd25519Verifier } from './noble-ed25519.ts'

/** A badge that is genuine, in time and from an issuer that counts. */
export type BadgeToCheck = BadgeInQuestion

/** What a core takes from its configuration, a page says here. */
export interface VerifierOptions {
  /**
   * Whose badges of levels 1 to 4 count: HTTPS origin, and its JWKS as text or as JSON value. Bring them with the page or
   * fetch them from the issuer's `/.well-known/jwks.json`; never take them from the server that is to be verified.
   * Default: nobody's.
   */
  readonly issuers?: Readonly<Record<string, unknown>> | undefined
  /**
   * Whether a badge was revoked or its subject disabled. Whatever it gives but `false` refuses the badge, a rejection included.
   * Required with `issuers`. Who cannot know says `() => false`, and takes badges as good until they expire.
   */
  readonly isRevoked?: ((badge: BadgeToCheck) => boolean | Promise<boolean>) | undefined
  /** did:keys whose self-signed badges (level 0) count. Default: nobody's. */
  readonly levelZeroKeys?: readonly string[] | undefined
  /** Your own identifiers: a badge with an audience must name one. Default: none, and such badges are for somebody else. */
  readonly audience?: string | readonly string[] | undefined
  /** Refuse badges without an audience. Default false. */
  readonly requireAudience?: boolean | undefined
  /**
   * The DID document of a did:web as text, for badges of identity assurance level 1. A rejection refuses the badge.
   * Default: such badges are refused unless their subject is a did:key.
   */
  readonly resolveDid?: ((did: string) => string | Promise<string>) | undefined
  /** Tolerated difference to the issuer's clock, milliseconds. Default 60 000. */
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
  readonly publicKey: Uint8Array | undefined
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
   * further with it, or hand the answer to `ServerVerifyError`. With `offlineMode` no DID is resolved.
   *
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
      const { signal } = readSignal(given, ['signal'])
      if (typeof badge !== 'string') throw new TypeError('A badge is a text: the compact JWS.')
      return until(signal, verification.verifyBadge(badge).then(toBadge, toError))
    },
    async verifyServer(server: ServerToVerify, given: ServerVerificationOptions = {}) {
      const { signal } = readSignal(given, ['config', 'signal'])
      const request = toVerifyServerRequest(server, given.config)
      const answer = verification.verifyServer(request).catch(toError)
      return decodeServerVerification(await until(signal, answer), request)
    },
  })
}

function decide(options: VerifierOptions): Parameters<typeof createVerification>[0] {
  readOptions(options, NAMES, 'The options of createVerifier')
  const { issuers = {}, levelZeroKeys = [], audience = [], clockSkewMs = 60_000 } = options
  const { requireAudience = false, development = false } = options
  const { isRevoked, resolveDid = refuseDid, nowMs = Date.now } = options
  const own = typeof audience === 'string' ? [audience] : audience
  for (const [name, list] of Object.entries({ levelZeroKeys, audience: own })) {
    if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string' && entry !== '')) {
      throw new TypeError(`${name} must be a list of non-empty strings.`)
    }
  }
  for (const [name, flag] of Object.entries({ requireAudience, development })) {
    if (typeof flag !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  }
  for (const [name, called] of Object.entries({ isRevoked: isRevoked ?? nobodyKnows, resolveDid, nowMs })) {
    if (typeof called !== 'function') throw new TypeError(`${name} must be a function.`)
  }
  if (!isPlainObject(issuers)) {
    throw new TypeError('issuers must be an object: the HTTPS origin of each issuer, and its JWKS.')
  }
  const keySets = new Map(Object.entries(issuers).map(([issuer, jwks]) => [issuer, textOf(jwks, issuer)]))
  if (keySets.size > 0 && isRevoked === undefined) {
    throw new TypeError(
      'isRevoked is required with issuers. Where nobody can know, () => false takes badges as good until they expire.',
    )
  }
  return {
    ...{ keySets, levelZeroKeys: [...levelZeroKeys], audience: [...own], requireAudience, clockSkewMs },
    ...{ isRevoked: isRevoked ?? nobodyKnows, resolveDid, acceptReservedIssuers: development },
    ed25519: createNobleEd25519Verifier(),
    clock: { nowMs, monotonicMs: () => performance.now() },
  }
}

/** A `Map` would pass for an object without issuers. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Self-signed badges have no issuer who could revoke them. */
function nobodyKnows(): boolean {
  return false
}

function refuseDid(): never {
  throw new TypeError('createVerifier was given no resolveDid.')
}

function textOf(jwks: unknown, issuer: string): string {
  if (typeof jwks === 'string') return jwks
  if (typeof jwks === 'object' && jwks !== null) return JSON.stringify(jwks)
  throw new TypeError(`The keys of ${issuer} must be a JWKS, as text or as JSON value.`)
}

function readSignal(given: unknown, names: readonly string[]): { readonly signal: AbortSignal | undefined } {
  const { signal } = readOptions(given, names, 'The options of a verification')
  requireAbortSignal(signal)
  return { signal }
}

/** Nothing here takes time but what the caller's own functions take. */
function until<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  return withLimits(
    work,
    { signal, timeoutMs: MAX_TIMEOUT_MS },
    () => new TypeError('isRevoked or resolveDid never ended.'),
  )
}

function toBadge(badge: CoreBadge): VerifiedBadge {
  const { jti, issuer, subject, level, ial, audience, issuedAt, expiresAt, domain, subjectKey } = badge
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
    const { code, message, cause, retryable } = thrown
    throw new BadgeError(code, message, { cause, retryable })
  }
  if (thrown instanceof RpcFault) throw new InvalidRequestError(thrown.message, thrown.violations)
  throw thrown
}
