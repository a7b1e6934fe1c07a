import type { DidDocumentSource } from '../../ports/did-documents.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import { ownSubjectOf } from './find-subject.ts'
import { subjectDocument } from './subject-document.ts'
import type { SubjectNames } from './subject-names.ts'

/** Documents that may be kept for a while, and can be looked at anew. */
export interface ForgettingDidDocuments extends DidDocumentSource {
  /** Drops what is kept of a DID. */
  forget(did: string): void
}

/**
 * Documents of the registry's own namespace come from its store: asking itself over the
 * network would trust whoever answers for the name. Every other DID goes to `others`.
 */
export function createOwnDidDocuments(
  names: SubjectNames,
  store: Pick<RegistryStore, 'subject'>,
  others: ForgettingDidDocuments,
): ForgettingDidDocuments {
  return {
    forget: (did) => others.forget(did),
    async resolve(did) {
      if (names.inNamespace(did) === undefined) return others.resolve(did)
      const subject = await ownSubjectOf(did, names, store)
      if (subject === undefined) throw new SourceUnavailable(`This registry has no document for ${did}.`)
      return JSON.stringify(subjectDocument(subject))
    },
  }
}
