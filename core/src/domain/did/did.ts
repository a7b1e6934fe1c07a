import { DidRefused } from './did-refused.ts'

/** Longest DID that is looked at, in characters. */
export const MAX_DID_LENGTH = 2048

/** `did:METHOD:ID` (DID Core §3.1); idchars and colons are not told apart here. */
const GRAMMAR = /^did:([a-z0-9]+):((?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})+)$/

export interface Did {
  readonly method: string
  /** What follows the method, as written. */
  readonly id: string
}

/**
 * Splits a DID. Says nothing about whether the identifier suits its method: see
 * `parseDidKey` and `parseDidWeb`. A DID URL (path, query, fragment) is not a DID.
 *
 * @param text attacker-controlled
 * @throws {DidRefused} DID_MALFORMED
 */
export function parseDid(text: string): Did {
  const match = text.length <= MAX_DID_LENGTH ? GRAMMAR.exec(text) : null
  const [, method, id] = match ?? []
  if (method === undefined || id === undefined || id.endsWith(':')) {
    throw new DidRefused('DID_MALFORMED', 'The text is not a DID: it must read did:METHOD:ID')
  }
  return { method, id }
}
