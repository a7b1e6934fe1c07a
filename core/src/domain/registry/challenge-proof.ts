import type { StoredChallenge } from '../../ports/registry-store.ts'
import { MAX_PROOF_SECONDS, type OwnershipProof, PROOF_SKEW_SECONDS } from './ownership-proof.ts'
import { type RegistryRefusalCode, RegistryRefused } from './registry-refused.ts'

/**
 * Steps 8 to 19 of registry.md §5.3, in their order: the proof answers this challenge, now,
 * for this subject. Texts are compared as they are, never decoded.
 *
 * @throws {RegistryRefused} with the code of the first step that fails
 */
export function checkChallengeProof(
  proof: OwnershipProof,
  challenge: StoredChallenge,
  did: string,
  nowMs: number,
): void {
  const { cid, nonce, aud, htu, htm, iat, exp, sub } = proof
  const iatMs = iat * 1000
  const expMs = exp * 1000
  const skewMs = PROOF_SKEW_SECONDS * 1000
  if (cid === undefined) throw refused('invalid_proof', 'cid must be a text')
  if (cid !== challenge.id) throw refused('cid_mismatch', 'cid names another challenge')
  if (nonce !== challenge.nonce) throw refused('invalid_proof', 'nonce is not that of the challenge')
  if (aud !== challenge.proofAudience) throw refused('audience_mismatch', `aud must be ${challenge.proofAudience}`)
  if (htu !== challenge.htu) throw refused('htu_mismatch', 'htu must be the text that came with the challenge')
  if (htm !== 'POST') throw refused('invalid_proof', 'htm must be POST')
  if (iatMs > nowMs + skewMs) throw refused('iat_invalid', 'iat lies in the future: set the clock')
  if (iatMs < challenge.createdAtMs - skewMs)
    throw refused('iat_invalid', 'iat lies before the challenge: set the clock')
  if (iatMs > challenge.expiresAtMs) throw refused('iat_invalid', 'iat lies after the challenge')
  if (exp > iat + MAX_PROOF_SECONDS || exp <= iat) {
    throw refused('exp_too_long', `exp must be 1 to ${MAX_PROOF_SECONDS} seconds after iat`)
  }
  if (expMs <= nowMs) throw refused('proof_expired', 'it has expired: make a new one')
  if (expMs > challenge.expiresAtMs) throw refused('exp_outside_challenge_window', 'exp lies after the challenge')
  if (sub !== did) throw refused('subject_mismatch', 'sub is another DID')
}

function refused(code: RegistryRefusalCode, reason: string): RegistryRefused {
  return new RegistryRefused(code, `The proof does not count: ${reason}.`)
}
