import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { SpentProof } from '../../ports/registry-store.ts'
import { didKeyKid, isDidKey } from '../did/did-key.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'
import { MAX_PROOF_SECONDS, PROOF_SKEW_SECONDS, parseOwnershipProof } from './ownership-proof.ts'
import { type RegistryRefusalCode, RegistryRefused } from './registry-refused.ts'

/** What a registration proof must be about. */
export interface RegistrationDemand {
  readonly did: string
  /** The key that is being bound to the DID. */
  readonly publicKey: Ed25519PublicKey
  /** The registry's issuer. */
  readonly audience: string
  readonly htm: string
  /** Of the request that carries the proof, under the issuer's origin. */
  readonly htu: string
}

/**
 * A proof that whoever registers a key holds its private half: `pop+jwt` with `sub` the DID,
 * `aud` the issuer, `htm` and `htu` of the request, at most a minute long, used once.
 *
 * @param token attacker-controlled
 * @returns what must be stored with the registration so that the proof counts once
 * @throws {RegistryRefused}
 */
export function verifyRegistrationProof(
  token: string,
  { did, publicKey, audience, htm, htu }: RegistrationDemand,
  nowMs: number,
  ed25519: Ed25519Verifier,
): SpentProof {
  const proof = parseOwnershipProof(token)
  const { iat, exp, jti, kid } = proof
  if (proof.sub !== did) throw refused('subject_mismatch', 'sub is another DID')
  if (proof.aud !== audience) throw refused('audience_mismatch', `aud must be ${audience}`)
  if (proof.htu !== htu) throw refused('htu_mismatch', `htu must be ${htu}`)
  if (proof.htm !== htm) throw refused('invalid_proof', `htm must be ${htm}`)
  if (exp > iat + MAX_PROOF_SECONDS || exp <= iat) {
    throw refused('exp_too_long', `exp must be 1 to ${MAX_PROOF_SECONDS} seconds after iat`)
  }
  if (iat * 1000 > nowMs + PROOF_SKEW_SECONDS * 1000)
    throw refused('iat_invalid', 'iat lies in the future: set the clock')
  if (exp * 1000 <= nowMs) throw refused('proof_expired', 'it has expired: make a new one')
  if (!kid.startsWith(`${did}#`) || (isDidKey(did) && kid !== didKeyKid(did))) {
    throw refused('kid_not_found', 'kid must name the key of the DID')
  }
  const { signingInput, signature } = proof.signed
  if (proof.alg !== 'EdDSA' || !ed25519.verify(publicKey, signingInput, signature)) {
    throw refused('proof_verification_failed', 'the signature is not that of the registered key')
  }
  return { jti: `${did} ${jti}`, expiresAtMs: exp * 1000 }
}

function refused(code: RegistryRefusalCode, reason: string): RegistryRefused {
  return new RegistryRefused(code, `The registration proof does not count: ${reason}.`)
}
