import type { DidDocumentSource } from '../../core/src/ports/did-documents.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

/** DID documents in memory, as text by DID. What is not there cannot be had. */
export interface MemoryDidDocuments extends DidDocumentSource {
  readonly documents: Map<string, string>
  /** DIDs resolved so far, in order. */
  readonly asked: readonly string[]
  /** DIDs forgotten so far, in order. */
  readonly forgotten: readonly string[]
  forget(did: string): void
}

export function createMemoryDidDocuments(): MemoryDidDocuments {
  const documents = new Map<string, string>()
  const asked: string[] = []
  const forgotten: string[] = []
  return {
    documents,
    asked,
    forgotten,
    forget: (did) => void forgotten.push(did),
    async resolve(did) {
      asked.push(did)
      const text = documents.get(did)
      if (text === undefined) throw new SourceUnavailable(`no document of ${did}`)
      return text
    },
  }
}
