import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire'
import { CapiscioError } from './errors.ts'
import { readOptions } from './guard-config.ts'
import { MetaConflict, readMeta, writeMeta } from './meta-names.ts'

/** MCP methods whose `_meta` can carry a nonce. */
export type PopMethod = 'initialize' | 'server/discover'

/** What a client asks: sign this (RFC-007 §7). Keep it, verify one answer with it, forget it. */
export interface PopRequest {
  /** base64url of 32 random bytes. */
  readonly nonce: string
  /** When it was made, by the client's clock, milliseconds since the epoch. */
  readonly createdAtMs: number
  /** The method that carries it. */
  readonly method: PopMethod
}

/** What a server answers. */
export interface PopResponse {
  /** Compact JWS `pop+jws` over the nonce text; empty when there is none. */
  readonly signature: string
  /** Compact JWS `pop-bound+jws`, bound to audience, server, method and time; empty when there is none. */
  readonly boundSignature: string
  /** When the server says it signed, Unix seconds. Not relied on. */
  readonly signedAt?: number | undefined
}

/** Request and answer together, as `verifyServer` takes them. */
export interface PopExchange extends PopRequest, PopResponse {}

/** Codes of proofs that do not hold. */
export type PopErrorCode = 'POP_NONCE_INVALID' | 'POP_SIGNATURE_INVALID' | 'POP_EXPIRED' | 'POP_META_CONFLICT'

/** A proof of possession that cannot be made or does not hold. */
export class PopError extends CapiscioError {
  override readonly name = 'PopError'
  readonly code: PopErrorCode
  constructor(code: PopErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Tolerated difference between the server's clock and ours. */
const CLOCK_SKEW_MS = 60_000

/** Oldest request that may be accepted: a nonce is for one handshake. */
const MAX_AGE_LIMIT_MS = 600_000

/** A nonce and nothing that could be taken for a token: servers sign what strangers send. */
const NONCE = /^[A-Za-z0-9_-]{22,128}$/

/** Whether a server may sign this text for a stranger. */
export function isPopNonce(text: unknown): text is string {
  return typeof text === 'string' && NONCE.test(text)
}

/** Makes a fresh request with 32 random bytes. */
export function generatePopRequest(method: PopMethod = 'initialize'): PopRequest {
  const nonce = encode(crypto.getRandomValues(new Uint8Array(32)))
  return Object.freeze({ nonce, createdAtMs: Date.now(), method })
}

/**
 * Whether a request is too old to be answered or verified, or made in what is the future here
 * by more than a minute.
 *
 * @param maxAgeMs Oldest acceptable age, milliseconds. Default 30 000.
 */
export function isPopRequestExpired({ createdAtMs }: Pick<PopRequest, 'createdAtMs'>, maxAgeMs = 30_000): boolean {
  const ageMs = Date.now() - createdAtMs
  return !(ageMs <= maxAgeMs && ageMs >= -CLOCK_SKEW_MS)
}

/** What a client adds to the `_meta` of its handshake request. */
export function popRequestToMeta({ nonce, createdAtMs }: PopRequest): Record<string, string | number> {
  return writeMeta({ popNonce: nonce, popCreatedAt: Math.floor(createdAtMs / 1000) })
}

/**
 * Reads a nonce from the `_meta` of a handshake request; `undefined` when it holds none.
 *
 * @throws PopError POP_META_CONFLICT; POP_NONCE_INVALID for a text that is not signed for strangers.
 */
export function popRequestFromMeta(meta: unknown, method: PopMethod): PopRequest | undefined {
  const nonce = read(() => readMeta(meta, 'popNonce', 'string'))
  if (nonce === undefined) return undefined
  if (!isPopNonce(nonce)) {
    throw new PopError('POP_NONCE_INVALID', 'The nonce must be 22 to 128 characters of base64url. Nothing was signed.')
  }
  const createdAt = read(() => readMeta(meta, 'popCreatedAt', 'number'))
  return Object.freeze({ nonce, createdAtMs: createdAt === undefined ? Date.now() : createdAt * 1000, method })
}

/** What a server adds to the `_meta` of its handshake result. */
export function popResponseToMeta({
  signature,
  boundSignature,
  signedAt,
}: PopResponse): Record<string, string | number> {
  return writeMeta({
    popSignature: signature || undefined,
    popBoundSignature: boundSignature || undefined,
    popSignedAt: signedAt,
  })
}

/**
 * Reads the answer from the `_meta` of a handshake result; `undefined` when there is none.
 *
 * @throws PopError POP_META_CONFLICT
 */
export function popResponseFromMeta(meta: unknown): PopResponse | undefined {
  const signature = read(() => readMeta(meta, 'popSignature', 'string')) ?? ''
  const boundSignature = read(() => readMeta(meta, 'popBoundSignature', 'string')) ?? ''
  const signedAt = read(() => readMeta(meta, 'popSignedAt', 'number'))
  if (signature === '' && boundSignature === '') return undefined
  return Object.freeze({ signature, boundSignature, signedAt })
}

/** Signs with the server's Ed25519 key: 64 bytes over exactly the given ones. */
export type PopSign = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** As whom a server answers. */
export interface PopAnswerer {
  readonly serverDid: string
  /** DID URL of the key. Default: the DID with `#` and the last part of a did:key, or `#key-1`. */
  readonly keyId?: string | undefined
  /**
   * As whom the server is reached: its URL origin, or `stdio`. Take it from your configuration,
   * never from the request: whoever sits between writes the request. Without it only the form
   * that can be relayed is signed.
   */
  readonly audience?: string | undefined
}

/**
 * Answers a nonce with both forms of proof.
 *
 * @throws PopError POP_NONCE_INVALID for a text that is not signed for strangers.
 */
export async function createPopResponse(request: PopRequest, server: PopAnswerer, sign: PopSign): Promise<PopResponse> {
  const { nonce, method } = request
  if (!isPopNonce(nonce)) {
    throw new PopError('POP_NONCE_INVALID', 'The nonce must be 22 to 128 characters of base64url. Nothing was signed.')
  }
  const { serverDid, audience, keyId = defaultKeyId(serverDid) } = server
  const signedAt = Math.floor(Date.now() / 1000)
  const claims = { aud: audience, iat: signedAt, method, nonce, sub: serverDid }
  const [signature, boundSignature] = await Promise.all([
    signJws('pop+jws', keyId, nonce, sign),
    audience === undefined ? '' : signJws('pop-bound+jws', keyId, JSON.stringify(claims), sign),
  ])
  return Object.freeze({ signature, boundSignature, signedAt })
}

/** Checks an Ed25519 signature under the key that the caller knows to be the server's. */
export type PopVerify = (message: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>

/** What a proof is held against. */
export interface PopDemands {
  readonly serverDid: string
  /** As whom the client contacted the server: a URL origin, or `stdio`. */
  readonly audience: string
  /** Oldest acceptable request, milliseconds, at most 600 000. Default 30 000. */
  readonly maxAgeMs?: number | undefined
}

/**
 * Checks a proof here, without a core. The caller knows the server's key from a verified badge
 * and uses each request once. For `server/discover` only the bound form counts; where the
 * bound form is given it must hold.
 *
 * @throws TypeError for demands that would not hold.
 * @throws PopError unless the proof holds.
 */
export async function verifyPopResponse(exchange: PopExchange, demands: PopDemands, verify: PopVerify): Promise<void> {
  const { nonce, createdAtMs, signature, boundSignature, method } = exchange
  const { serverDid, audience, maxAgeMs = 30_000 } = readDemands(demands)
  if (!isPopNonce(nonce)) throw new PopError('POP_NONCE_INVALID', 'The nonce is not one that this SDK makes.')
  if (isPopRequestExpired({ createdAtMs }, maxAgeMs)) {
    throw new PopError('POP_EXPIRED', `The request is older than ${maxAgeMs} ms. Make another one.`)
  }
  if (boundSignature === '' && method === 'initialize') {
    const payload = await openJws(signature, 'pop+jws', serverDid, verify)
    if (payload !== nonce) throw invalid('signs another nonce')
    return
  }
  const claims = parseObject(await openJws(boundSignature, 'pop-bound+jws', serverDid, verify))
  const isFresh =
    Number.isSafeInteger(claims?.iat) && Math.abs(Number(claims?.iat) * 1000 - Date.now()) <= maxAgeMs + CLOCK_SKEW_MS
  if (claims?.nonce !== nonce) throw invalid('signs another nonce')
  if (claims.sub !== serverDid) throw invalid('was made by another server')
  if (claims.aud !== audience) throw invalid('was made for another endpoint')
  if (claims.method !== method) throw invalid('was made for another method')
  if (!isFresh) throw new PopError('POP_EXPIRED', 'The answer was signed at another time.')
}

/** What is misspelt, missing or no number would demand less than it looks like. */
function readDemands(demands: PopDemands): PopDemands {
  const given = readOptions(demands, ['serverDid', 'audience', 'maxAgeMs'], 'The demands on a proof of possession')
  for (const name of ['serverDid', 'audience']) {
    if (typeof given[name] !== 'string' || given[name] === '')
      throw new TypeError(`${name} must be a non-empty string.`)
  }
  const { maxAgeMs = 30_000 } = given
  if (!Number.isInteger(maxAgeMs) || Number(maxAgeMs) < 1 || Number(maxAgeMs) > MAX_AGE_LIMIT_MS) {
    throw new TypeError(`maxAgeMs must be a whole number of milliseconds from 1 to ${MAX_AGE_LIMIT_MS}.`)
  }
  return given as unknown as PopDemands
}

async function openJws(jws: string, typ: string, serverDid: string, verify: PopVerify): Promise<string> {
  const parts = jws.length > 8192 ? [] : jws.split('.', 4)
  const [header, payload, signature] = parts.map(decode)
  if (parts.length !== 3 || !header || !payload || !signature) throw invalid('is missing or no compact JWS')
  const members = parseObject(utf8(header))
  if (members?.alg !== 'EdDSA' || members.typ !== typ) throw invalid(`is not of type ${typ}`)
  if (Object.hasOwn(members, 'crit') || Object.hasOwn(members, 'b64')) throw invalid('has an extension')
  const { kid } = members
  if (typeof kid !== 'string' || !(kid === serverDid || kid.startsWith(`${serverDid}#`))) {
    throw invalid('names a key of another DID')
  }
  const signed = new TextEncoder().encode(jws.slice(0, jws.lastIndexOf('.')))
  if (!(await verify(signed, signature))) throw invalid('does not match the key')
  return utf8(payload) ?? ''
}

function invalid(reason: string): PopError {
  return new PopError('POP_SIGNATURE_INVALID', `The server did not prove possession of its key: the proof ${reason}.`)
}

async function signJws(typ: string, kid: string, payload: string, sign: PopSign): Promise<string> {
  const text = (value: string): string => encode(new TextEncoder().encode(value))
  const signingInput = `${text(JSON.stringify({ alg: 'EdDSA', kid, typ }))}.${text(payload)}`
  return `${signingInput}.${encode(await sign(new TextEncoder().encode(signingInput)))}`
}

function defaultKeyId(did: string): string {
  return did.startsWith('did:key:') ? `${did}#${did.slice('did:key:'.length)}` : `${did}#key-1`
}

function encode(bytes: Uint8Array): string {
  return base64Encode(bytes, 'url')
}

/** Strict: the one spelling that `encode` gives. */
function decode(part: string): Uint8Array | undefined {
  if (part === '' || !/^[A-Za-z0-9_-]+$/.test(part)) return undefined
  try {
    const bytes = base64Decode(part)
    return encode(bytes) === part ? bytes : undefined
  } catch {
    return undefined
  }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

function read<T>(reading: () => T): T {
  try {
    return reading()
  } catch (conflict) {
    if (conflict instanceof MetaConflict) throw new PopError('POP_META_CONFLICT', conflict.message)
    throw conflict
  }
}
