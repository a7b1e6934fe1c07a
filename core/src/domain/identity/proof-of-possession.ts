import { decodeBase64url } from '../../lib/base64url.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { isTokenOf, type TokenKind } from '../badge/token-type.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'

/**
 * Proof that whoever answers a handshake holds the key of the DID it discloses
 * (RFC-007 §7; a copied badge alone does not prove that).
 *
 * Two forms share a nonce that the client chose:
 *
 * - `nonce`: a JWS `pop+jws` over the text of the nonce, as MCP 2025-11-25 clients know it.
 *   It says nothing about whom it was made for, so whoever sits between can pass the nonce
 *   on to the real server: it counts only over a channel that authenticates the endpoint.
 * - `bound`: a JWS `pop-bound+jws` over a JSON object that the server writes itself, with
 *   the nonce, its DID, the audience it is reached as, the method and the time. A proof made
 *   for one endpoint is worth nothing at another.
 */
export interface PossessionProof {
  /** The client's nonce, base64url text. */
  readonly nonce: string
  /** When the client made it, by its own clock, milliseconds since the epoch. */
  readonly createdAtMs: number
  /** Compact JWS of form `nonce`; empty when there is none. */
  readonly signature: string
  /** Compact JWS of form `bound`; empty when there is none. */
  readonly boundSignature: string
  /** The method that carried the nonce, such as `server/discover`. */
  readonly method: string
  /** As whom the client contacted the server: a URL origin, or `stdio`. */
  readonly audience: string
}

export type ProofProblem = 'SERVER_POP_FAILED' | 'SERVER_POP_EXPIRED'

/** What a proof is held against. */
export interface ProofDemands {
  readonly serverDid: string
  /** The key in the server's verified badge. */
  readonly publicKey: Ed25519PublicKey
  readonly nowMs: number
  /** Oldest acceptable nonce, milliseconds. */
  readonly maxAgeMs: number
  /** Form `nonce` does not count. For methods of clients that know form `bound`. */
  readonly requireBound: boolean
}

/** Tolerated difference between the server's clock and ours, for the time inside a bound proof. */
const CLOCK_SKEW_MS = 60_000

/** A nonce and nothing that could be taken for a token: no dot, no brace (registry.md §13.2 item 1). */
const NONCE = /^[A-Za-z0-9_-]{22,128}$/

/** Longest JWS that is looked at, in characters. */
const MAX_PROOF_LENGTH = 8_192

/** Whether a server may sign this text for a stranger; no other one is a nonce. */
export function isProofNonce(text: unknown): text is string {
  return typeof text === 'string' && NONCE.test(text)
}

/**
 * Holds a proof against what the client knows. `undefined` when it proves possession.
 *
 * Each nonce counts once; who chose it sees to that by forgetting it.
 */
export function findProofProblem(
  proof: PossessionProof,
  demands: ProofDemands,
  ed25519: Ed25519Verifier,
): ProofProblem | undefined {
  if (!isProofNonce(proof.nonce)) return 'SERVER_POP_FAILED'
  const ageMs = demands.nowMs - proof.createdAtMs
  // A nonce from the future was not made by this client's clock.
  if (!(ageMs <= demands.maxAgeMs && ageMs >= -CLOCK_SKEW_MS)) return 'SERVER_POP_EXPIRED'
  // A bound proof that is there must hold: falling back to the weaker form would let a man
  // in the middle spoil the stronger one.
  const holds =
    proof.boundSignature !== ''
      ? provesBound(proof, demands, ed25519)
      : !demands.requireBound && provesNonce(proof, demands, ed25519)
  return holds ? undefined : 'SERVER_POP_FAILED'
}

function provesNonce(proof: PossessionProof, demands: ProofDemands, ed25519: Ed25519Verifier): boolean {
  const jws = openProof(proof.signature, 'handshakeProof', demands, ed25519)
  return jws !== undefined && utf8Text(jws) === proof.nonce
}

function provesBound(proof: PossessionProof, demands: ProofDemands, ed25519: Ed25519Verifier): boolean {
  const payload = openProof(proof.boundSignature, 'boundHandshakeProof', demands, ed25519)
  const members = payload && parseObject(payload)
  if (members === undefined) return false
  const { nonce, sub, aud, method, iat } = members
  return (
    nonce === proof.nonce &&
    sub === demands.serverDid &&
    aud === proof.audience &&
    method === proof.method &&
    typeof iat === 'number' &&
    Number.isSafeInteger(iat) &&
    Math.abs(iat * 1000 - demands.nowMs) <= demands.maxAgeMs + CLOCK_SKEW_MS
  )
}

/** The payload of a JWS of exactly this kind, signed by the server's key. */
function openProof(
  jws: string,
  kind: TokenKind,
  { publicKey, serverDid }: ProofDemands,
  ed25519: Ed25519Verifier,
): Uint8Array | undefined {
  if (jws.length > MAX_PROOF_LENGTH) return undefined
  const parts = jws.split('.', 4)
  const [header, payload, signature] = parts.map((part) => (part === '' ? undefined : decodeBase64url(part)))
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) return undefined
  const members = parseObject(header)
  if (members === undefined || members.alg !== 'EdDSA' || !isTokenOf(kind, members)) return undefined
  if (Object.hasOwn(members, 'crit') || Object.hasOwn(members, 'b64')) return undefined
  const { kid } = members
  // The key is the badge's; the header may name it in any way that stays with this DID.
  if (typeof kid !== 'string' || !(kid === serverDid || kid.startsWith(`${serverDid}#`))) return undefined
  const signingInput = new TextEncoder().encode(jws.slice(0, jws.lastIndexOf('.')))
  return ed25519.verify(publicKey, signingInput, signature) ? payload : undefined
}

function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const text = utf8Text(bytes)
  try {
    return text === undefined ? undefined : parseStrictJsonObject(text)
  } catch {
    return undefined
  }
}
