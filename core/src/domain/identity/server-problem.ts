/** Why a server is not verified, in the order in which it is checked (RFC-007 §7.2). */
export type ServerProblem =
  | 'IDENTITY_MISSING'
  | 'DID_INVALID'
  | 'BADGE_MISSING'
  | 'BADGE_INVALID'
  | 'BADGE_EXPIRED'
  | 'ISSUER_UNTRUSTED'
  | 'DID_MISMATCH'
  | 'TRUST_INSUFFICIENT'
  | 'BADGE_REVOKED'
  | 'DOMAIN_MISMATCH'
  | 'PATH_MISMATCH'
  | 'KEY_FETCH_FAILED'
  | 'POP_FAILED'
  | 'POP_EXPIRED'

/** What each one means, for people. Where more is known, that is said instead. */
export const SERVER_PROBLEM_MESSAGES: Readonly<Record<ServerProblem, string>> = {
  IDENTITY_MISSING: 'The server disclosed no DID.',
  DID_INVALID: 'The disclosed DID is not one.',
  BADGE_MISSING: 'The server disclosed a DID without a badge, so nobody vouches for it.',
  BADGE_INVALID: 'The badge does not verify.',
  BADGE_EXPIRED: 'The badge has expired.',
  ISSUER_UNTRUSTED: 'The issuer of the badge is not trusted.',
  DID_MISMATCH: 'The badge is for another DID than the disclosed one.',
  TRUST_INSUFFICIENT: 'The level of the badge is below the minimum.',
  BADGE_REVOKED: 'The badge is revoked, or its subject disabled.',
  DOMAIN_MISMATCH: 'The DID names another host than the one that was contacted.',
  PATH_MISMATCH: 'The DID names another path than the one that was contacted.',
  KEY_FETCH_FAILED: 'The key of the server cannot be had now.',
  POP_FAILED: 'The server did not prove that it holds the key of its DID.',
  POP_EXPIRED: 'The proof of possession answers a nonce that is too old.',
}

/**
 * RFC-007 codes. An expired badge is an invalid one there, and what is wrong with a DID has
 * the code of its resolution.
 */
export const SERVER_PROBLEM_CODES: Readonly<Record<ServerProblem, string>> = {
  IDENTITY_MISSING: 'SERVER_IDENTITY_MISSING',
  DID_INVALID: 'SERVER_DID_RESOLUTION_FAILED',
  BADGE_MISSING: 'SERVER_BADGE_MISSING',
  BADGE_INVALID: 'SERVER_BADGE_INVALID',
  BADGE_EXPIRED: 'SERVER_BADGE_INVALID',
  ISSUER_UNTRUSTED: 'SERVER_ISSUER_UNTRUSTED',
  DID_MISMATCH: 'SERVER_DID_MISMATCH',
  TRUST_INSUFFICIENT: 'SERVER_TRUST_INSUFFICIENT',
  BADGE_REVOKED: 'SERVER_BADGE_REVOKED',
  DOMAIN_MISMATCH: 'SERVER_DOMAIN_MISMATCH',
  PATH_MISMATCH: 'SERVER_PATH_MISMATCH',
  KEY_FETCH_FAILED: 'SERVER_KEY_FETCH_FAILED',
  POP_FAILED: 'SERVER_POP_FAILED',
  POP_EXPIRED: 'SERVER_POP_EXPIRED',
}
