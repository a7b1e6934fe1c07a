import type { DidDocumentSource } from '../../ports/did-documents.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { findVerificationKey, isForAuthentication } from '../did/did-document.ts'
import { didKeyKid, isDidKey, parseDidKey } from '../did/did-key.ts'
import { DidRefused } from '../did/did-refused.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'
import type { ForgettingDidDocuments } from './own-did-documents.ts'
import type { OwnershipProof } from './ownership-proof.ts'
import { RegistryRefused } from './registry-refused.ts'

export interface ProofKeySources {
  /** Documents of every did:web, those of this registry's own namespace included. */
  readonly didDocuments: ForgettingDidDocuments
  readonly ed25519: Ed25519Verifier
}

/**
 * Steps 20 to 23 of registry.md §5.3: the key that `kid` names is in the DID's document, may
 * authenticate the DID, and made the signature. The document is the only thing that is
 * trusted; keys that the proof or an agent card carries play no part.
 *
 * @param did registered at this registry
 * @returns the verified key
 * @throws {RegistryRefused}
 */
export async function proveKeyPossession(
  { kid, alg, signed }: OwnershipProof,
  did: string,
  { didDocuments, ed25519 }: ProofKeySources,
): Promise<Ed25519PublicKey> {
  const key = isDidKey(did) ? didKeyOf(did, kid) : await documentKey(did, kid, didDocuments)
  if (alg !== 'EdDSA' || !ed25519.verify(key, signed.signingInput, signed.signature)) {
    // The document that was kept may be the old one of a key that was replaced (badges.md §6.5).
    didDocuments.forget(did)
    throw new RegistryRefused('proof_verification_failed', 'The signature of the proof is not that of the named key.')
  }
  return key
}

function didKeyOf(did: string, kid: string): Ed25519PublicKey {
  if (kid !== didKeyKid(did)) throw kidNotFound()
  return parseDidKey(did)
}

async function documentKey(did: string, kid: string, didDocuments: DidDocumentSource): Promise<Ed25519PublicKey> {
  const document = await resolveDocument(did, didDocuments)
  try {
    const key = findVerificationKey(document, did, kid)
    if (isForAuthentication(document, did, kid)) return key
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    if (cause.code === 'DID_KEY_NOT_FOUND') throw kidNotFound({ cause })
    throw new RegistryRefused('did_document_invalid', `The document of ${did} cannot be used: ${cause.message}.`, {
      cause,
    })
  }
  throw new RegistryRefused('key_not_in_authentication', 'The document does not list the key under authentication.')
}

/** @throws {RegistryRefused} did_resolution_failed */
export async function resolveDocument(did: string, didDocuments: DidDocumentSource): Promise<string> {
  try {
    return await didDocuments.resolve(did)
  } catch (cause) {
    if (!(cause instanceof SourceUnavailable)) throw cause
    throw new RegistryRefused('did_resolution_failed', `The document of ${did} cannot be had now.`, { cause })
  }
}

function kidNotFound(options?: ErrorOptions): RegistryRefused {
  return new RegistryRefused('kid_not_found', 'The document of the DID has no key with the id in kid.', options)
}
