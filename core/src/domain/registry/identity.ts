import type { SpentProof, StoredSubject } from '../../ports/registry-store.ts'
import { findVerificationKeys } from '../did/did-document.ts'
import { isDidKey, parseDidKey, toDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import { type Ed25519PublicKey, isSameKey } from '../did/ed25519-public-key.ts'
import { parsePublicKey } from './parse-public-key.ts'
import { resolveDocument } from './proof-key.ts'
import { verifyRegistrationProof } from './registration-proof.ts'
import type { RegistryContext } from './registry-context.ts'
import { RegistryRefused } from './registry-refused.ts'
import { checkDid } from './subject-names.ts'

/** What a client says its identity is. All attacker-controlled. */
export interface IdentityClaim {
  readonly did: string | undefined
  readonly publicKey: string | undefined
  /** Registration proof, a compact JWS. */
  readonly proof: string | undefined
}

/** The request that carries the claim. */
export interface ClaimRequest {
  readonly htm: 'POST' | 'PUT' | 'PATCH'
  readonly htu: string
}

/** An identity whose parts fit together. */
export interface CheckedIdentity {
  readonly did: string
  readonly publicKey: Ed25519PublicKey
  /** Present when possession of the key was proven. */
  readonly proof: SpentProof | undefined
}

type Deps = Pick<RegistryContext, 'names' | 'didDocuments' | 'ed25519' | 'issuer' | 'clock'>

/**
 * Checks that a subject may have the identity: the key is that of the did:key; or the DID is
 * the subject's own name in this registry; or it is a did:web elsewhere whose document holds
 * the key now, because anybody can claim a stranger's name.
 *
 * @returns `undefined` when nothing was claimed
 * @throws {RegistryRefused}
 */
export async function checkIdentity(
  claim: IdentityClaim,
  subject: Pick<StoredSubject, 'kind' | 'id' | 'did'>,
  request: ClaimRequest,
  deps: Deps,
): Promise<CheckedIdentity | undefined> {
  const { names, ed25519, issuer, clock } = deps
  const did = claim.did ?? subject.did
  if (claim.did !== undefined) checkDid(claim.did)
  const publicKey = claimedKey(claim, did)
  if (publicKey === undefined) {
    if (claim.proof !== undefined)
      throw new RegistryRefused('invalid_request', 'A proof needs the key that it is about.')
    if (did === subject.did) return undefined
    throw new RegistryRefused('invalid_request', 'A DID other than did:key is registered together with its public key.')
  }
  if (!isDidKey(did)) {
    const own = names.didOf(subject.kind, subject.id)
    if (did !== own) await checkForeignDid(did, publicKey, own, deps)
  }
  const demand = { did, publicKey, audience: issuer, ...request }
  const proof =
    claim.proof === undefined ? undefined : verifyRegistrationProof(claim.proof, demand, clock.nowMs(), ed25519)
  return { did, publicKey, proof }
}

/** A did:key says its own key; one that is sent as well must be the same. */
function claimedKey({ publicKey }: IdentityClaim, did: string): Ed25519PublicKey | undefined {
  const sent = publicKey === undefined ? undefined : parsePublicKey(publicKey)
  if (!isDidKey(did)) return sent
  const inside = keyOfDidKey(did)
  if (sent === undefined || isSameKey(sent, inside)) return inside
  throw new RegistryRefused(
    'key_did_mismatch',
    `The public key is not that of the DID: its did:key is ${toDidKey(sent)}.`,
  )
}

function keyOfDidKey(did: string): Ed25519PublicKey {
  try {
    return parseDidKey(did)
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    throw new RegistryRefused('invalid_did', `${cause.message}.`, { cause })
  }
}

async function checkForeignDid(
  did: string,
  publicKey: Ed25519PublicKey,
  own: string,
  { names, didDocuments }: Deps,
): Promise<void> {
  if (!did.startsWith('did:web:') || names.inNamespace(did) !== undefined) {
    throw new RegistryRefused('invalid_did', `An identity here is a did:key, ${own}, or a did:web elsewhere.`)
  }
  const document = await resolveDocument(did, didDocuments)
  try {
    if (findVerificationKeys(document, did).some((key) => isSameKey(key, publicKey))) return
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    throw new RegistryRefused('did_document_invalid', `The document of ${did} cannot be used: ${cause.message}.`, {
      cause,
    })
  }
  // Whoever corrects the document is not to wait until the kept one is old.
  didDocuments.forget(did)
  throw new RegistryRefused('key_did_mismatch', `The document of ${did} does not hold this public key.`)
}
