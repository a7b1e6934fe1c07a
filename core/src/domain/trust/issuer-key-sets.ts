import type { IssuerKeySet, IssuerKeySource } from '../../ports/issuer-keys.ts'
import { type IssuerKey, type JwksRules, parseJwks } from './jwks.ts'
import { TrustRefused } from './trust-refused.ts'

/** The usable keys of an issuer, as of one version of its key set. */
export interface IssuerKeys {
  readonly version: string
  readonly keys: readonly IssuerKey[]
}

/**
 * The parsed side of an `IssuerKeySource`: same contract, usable keys instead of text.
 * Both methods reject with `SourceUnavailable`, or with `TrustRefused` when the document
 * is not a key set.
 */
export interface IssuerKeySets {
  current(issuer: string): Promise<IssuerKeys>
  freshenedFor(issuer: string, kid: string): Promise<IssuerKeys>
}

interface Parsed {
  readonly version: string
  readonly outcome: IssuerKeys | TrustRefused
}

/** Reads key sets through `source`, parsing each version once, broken ones included. */
export function createIssuerKeySets(source: IssuerKeySource, rules: JwksRules = {}): IssuerKeySets {
  // One entry per issuer. Callers ask for trusted issuers only, so a stranger cannot make it grow.
  const latest = new Map<string, Parsed>()

  function parsed(issuer: string, { jwks, version }: IssuerKeySet): IssuerKeys {
    let known = latest.get(issuer)
    if (known?.version !== version) {
      known = { version, outcome: parse(jwks, version, rules) }
      latest.set(issuer, known)
    }
    if (known.outcome instanceof TrustRefused) throw known.outcome
    return known.outcome
  }

  return {
    current: async (issuer) => parsed(issuer, await source.keySet(issuer)),
    freshenedFor: async (issuer, kid) => parsed(issuer, await source.freshenFor(issuer, kid)),
  }
}

function parse(jwks: string, version: string, rules: JwksRules): Parsed['outcome'] {
  try {
    return { version, keys: parseJwks(jwks, rules) }
  } catch (refused) {
    if (refused instanceof TrustRefused) return refused
    throw refused
  }
}
