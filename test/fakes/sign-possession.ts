import { encodeBase64url } from '../../core/src/lib/base64url.ts'
import type { Ed25519Signer } from '../../core/src/ports/ed25519.ts'

/** What a server signs to answer a nonce. */
export interface PossessionAnswer {
  readonly nonce: string
  readonly serverDid: string
  /** DID URL of the signing key, or the DID. */
  readonly kid: string
  /** As whom the server is reached: a URL origin, or `stdio`. */
  readonly audience: string
  readonly method: string
  readonly nowMs: number
}

/** Signs both forms of proof for one text, also for one that a server would refuse to sign. */
export function signPossession(
  answer: PossessionAnswer,
  signer: Ed25519Signer,
): { readonly signature: string; readonly boundSignature: string } {
  const { nonce, serverDid, kid, audience, method, nowMs } = answer
  const claims = { aud: audience, iat: Math.floor(nowMs / 1000), method, nonce, sub: serverDid }
  return {
    signature: signJws('pop+jws', kid, nonce, signer),
    boundSignature: signJws('pop-bound+jws', kid, JSON.stringify(claims), signer),
  }
}

function signJws(typ: string, kid: string, payload: string, signer: Ed25519Signer): string {
  const utf8 = new TextEncoder()
  const encode = (text: string): string => encodeBase64url(utf8.encode(text))
  const signingInput = `${encode(JSON.stringify({ alg: 'EdDSA', kid, typ }))}.${encode(payload)}`
  return `${signingInput}.${encodeBase64url(signer.sign(utf8.encode(signingInput)))}`
}
