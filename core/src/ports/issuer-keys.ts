/**
 * Where the key set of an issuer comes from: a file, the configuration, or the network.
 *
 * `keySet` resolves to the JWKS document as text, attacker-controlled until parsed, with
 * a `version` that changes whenever the document does. It is called for configured
 * issuers only, on every verification, and must therefore be cheap when nothing changed.
 * `freshenFor` asks for a newer document because `kid` was not in the current one;
 * implementations limit how often that reaches the source. Both reject with
 * `SourceUnavailable` when there is no document to give.
 */
export interface IssuerKeySource {
  keySet(issuer: string): Promise<IssuerKeySet>
  freshenFor(issuer: string, kid: string): Promise<IssuerKeySet>
}

export interface IssuerKeySet {
  /** The JWKS, JSON text. */
  readonly jwks: string
  /** Equal versions of one issuer mean equal documents. */
  readonly version: string
}
