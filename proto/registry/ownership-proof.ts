/** Longest life of a proof, in seconds (RFC-003). */
const LIFETIME_SECONDS = 60

/** Who proves, and with which key. */
export interface Prover {
  /** DID URL of the key: `DID#KEY`. */
  readonly kid: string
  /** Signs with the Ed25519 private key. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** What one proof is about. */
export interface ProofSubject {
  readonly did: string
  /** The registry's issuer. */
  readonly audience: string
  readonly htm: 'POST' | 'PUT'
  /** URL of the request that carries the proof, as the registry writes it. */
  readonly htu: string
  /** Present in an answer to a challenge. */
  readonly challenge?: { readonly id: string; readonly nonce: string; readonly expiresAtMs: number }
}

/**
 * Signs a proof of possession (RFC-003 §5): a compact JWS of type `pop+jwt` for one request,
 * which lives a minute at most and never longer than its challenge.
 *
 * @param jti unique
 */
export async function signOwnershipProof(
  { did, audience, htm, htu, challenge }: ProofSubject,
  prover: Prover,
  nowMs: number,
  jti: string,
): Promise<string> {
  const iat = Math.floor(nowMs / 1000)
  const limit = challenge === undefined ? Number.POSITIVE_INFINITY : Math.floor(challenge.expiresAtMs / 1000)
  const header = { alg: 'EdDSA', typ: 'pop+jwt', kid: prover.kid }
  const payload = {
    ...(challenge !== undefined && { cid: challenge.id, nonce: challenge.nonce }),
    sub: did,
    aud: audience,
    htu,
    htm,
    iat,
    exp: Math.min(iat + LIFETIME_SECONDS, limit),
    jti,
  }
  const signingInput = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(payload))}`
  const signature = await prover.sign(new TextEncoder().encode(signingInput))
  return `${signingInput}.${base64url(signature)}`
}

/** DID URL of the one key of a did:key, and of the key under which registries publish a did:web's. */
export function defaultKid(did: string): string {
  return did.startsWith('did:key:') ? `${did}#${did.slice('did:key:'.length)}` : `${did}#key-1`
}

function encode(text: string): string {
  return base64url(new TextEncoder().encode(text))
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
