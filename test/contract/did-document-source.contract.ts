import { describe, expect, it } from 'vitest'
import type { DidDocumentSource } from '../../core/src/ports/did-documents.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

export interface DidDocumentsHarness {
  readonly source: DidDocumentSource
  publish(did: string, document: string): void
}

/** What every source of DID documents promises. */
export function describeDidDocumentSource(name: string, create: () => DidDocumentsHarness): void {
  describe(`${name} as a source of DID documents`, () => {
    it('gives the document as it was published, whatever it says', async () => {
      const { source, publish } = create()
      for (const [index, text] of ['{"id":"x"}', '{}', 'no JSON', '{"id":"ü \\u0000"}'].entries()) {
        const did = `did:web:a${index}.example.com:agents:1`
        publish(did, text)
        expect(await source.resolve(did)).toBe(text)
        expect(await source.resolve(did)).toBe(text)
      }
    })

    it('keeps documents apart', async () => {
      const { source, publish } = create()
      publish('did:web:a.example.com:agents:1', 'one')
      publish('did:web:a.example.com:agents:2', 'two')
      const dids = [
        'did:web:a.example.com:agents:1',
        'did:web:a.example.com:agents:2',
        'did:web:a.example.com:agents:1',
      ]
      expect(await Promise.all(dids.map((did) => source.resolve(did)))).toEqual(['one', 'two', 'one'])
    })

    it.each([
      'did:web:unknown.example.com',
      'did:key:z6Mk',
      'did:web:127.0.0.1',
      'did:web:a.example.com:..:b',
      '',
      '__proto__',
    ])('rejects with SourceUnavailable for %j, of which there is no document', async (did) => {
      await expect(create().source.resolve(did)).rejects.toBeInstanceOf(SourceUnavailable)
    })
  })
}
