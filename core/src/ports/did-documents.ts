/**
 * Documents of DIDs that cannot be resolved offline (did:web).
 *
 * `resolve` gives the document as text, attacker-controlled until parsed. It rejects with
 * `SourceUnavailable` when the document cannot be had: wrong status, too large, too slow,
 * forbidden address. The DID comes from a token: implementations guard the connection.
 */
export interface DidDocumentSource {
  resolve(did: string): Promise<string>
}
