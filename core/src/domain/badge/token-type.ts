/**
 * The `typ` of every kind of token that one key may sign (badges.md §2.1, server-identity.md).
 *
 * Each reader takes exactly its own. A proof is thereby never a badge, though an attacker
 * chose the text that was signed, and a badge is never a proof.
 */
export const TOKEN_TYPES = {
  badge: 'JWT',
  dvGrant: 'capiscio.dvgrant+jwt',
  /** Of the key of a DID, to an issuer (RFC-003). */
  ownershipProof: 'pop+jwt',
  /** Of the key of an MCP server, to a client, over the bare nonce (RFC-007). */
  handshakeProof: 'pop+jws',
  /** The same, over an object that the server writes itself. */
  boundHandshakeProof: 'pop-bound+jws',
} as const

export type TokenKind = keyof typeof TOKEN_TYPES

/** Whether a header says that its token is of this kind. The comparison is exact. */
export function isTokenOf(kind: TokenKind, header: Readonly<Record<string, unknown>>): boolean {
  return header.typ === TOKEN_TYPES[kind]
}
