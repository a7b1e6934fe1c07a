import type { StoredSubject } from '../../ports/registry-store.ts'
import { toMultibaseKey } from '../did/multibase-key.ts'

/** DID URL of the one key of a subject in the registry's own namespace. */
function subjectKeyId(did: string): string {
  return `${did}#key-1`
}

/**
 * The DID document of a subject in the registry's own namespace (badges.md §6.3). Without a
 * bound key it lists none: whoever holds the name can prove nothing yet.
 */
export function subjectDocument({ did, publicKey }: Pick<StoredSubject, 'did' | 'publicKey'>): object {
  const id = subjectKeyId(did)
  const keys = publicKey === undefined ? [] : [id]
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/ed25519-2020/v1'],
    id: did,
    verificationMethod:
      publicKey === undefined
        ? []
        : [
            {
              id,
              type: 'Ed25519VerificationKey2020',
              controller: did,
              publicKeyMultibase: toMultibaseKey(publicKey),
            },
          ],
    authentication: keys,
    assertionMethod: keys,
  }
}
