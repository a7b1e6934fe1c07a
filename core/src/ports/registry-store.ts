/**
 * What a registry remembers: subjects, badges, challenges, API keys, and the audit entries
 * that are yet to reach the evidence log.
 *
 * Every method that changes something is one transaction: all of it survives a power cut
 * when the promise resolves, and none of it happened when it rejects before the commit. A
 * rejection says nothing certain: the caller reads again before it tells anybody. Methods
 * that take an `AuditEntry` store it in the same transaction, so that nothing can change
 * without leaving one.
 *
 * Several processes may share a store. What must not happen twice is therefore decided
 * inside the transaction, by comparing and swapping, and told by the outcome: an outcome
 * other than the first one of its list changed nothing and stored no audit entry.
 *
 * Times are milliseconds since the Unix epoch unless they say seconds. Texts may hold
 * anything, and are never more than values.
 */
export interface RegistryStore {
  /** The issuer whose registry this is, as it was named when the store was made. */
  readonly issuer: string

  subject(kind: SubjectKind, id: string): Promise<StoredSubject | undefined>
  subjectByDid(did: string): Promise<StoredSubject | undefined>
  /** In the order of their ids, deleted ones left out; those of every account when none is given. */
  subjects(kind: SubjectKind, accountId?: string): Promise<readonly StoredSubject[]>
  /** Neither id (within its kind) nor DID (among all) is ever given to a second subject, deleted ones included. */
  addSubject(subject: StoredSubject, audit: AuditEntry, proof?: SpentProof): Promise<AddSubjectOutcome>
  /**
   * Replaces the subject whose `revision` is one less than that of the given one.
   * `stale`: somebody else changed it first.
   */
  changeSubject(subject: StoredSubject, audit: AuditEntry, proof?: SpentProof): Promise<ChangeSubjectOutcome>

  addChallenge(challenge: StoredChallenge): Promise<void>
  challenge(id: string): Promise<StoredChallenge | undefined>

  /** `stale`: the subject is no longer at `subjectRevision`, so what the badge says may be wrong. */
  recordBadge(badge: StoredBadge, subjectRevision: number, audit: AuditEntry): Promise<'recorded' | 'stale'>
  /**
   * Marks the challenge `badge.challengeId` as used at `badge.issuedAt`, by this badge, and
   * records the badge. Of any number of calls for one challenge at most one has `consumed`.
   */
  consumeChallenge(
    badge: StoredBadge & { readonly challengeId: string },
    subjectRevision: number,
    audit: AuditEntry,
  ): Promise<'consumed' | 'used' | 'stale'>
  badge(jti: string): Promise<StoredBadge | undefined>
  /** The first revocation stands: `already-revoked` for every later one. */
  revokeBadge(
    jti: string,
    revocation: Revocation,
    audit: AuditEntry,
  ): Promise<'revoked' | 'already-revoked' | 'unknown'>
  /** By time, then jti. */
  revocations(query: RevocationQuery): Promise<readonly RevokedBadge[]>

  addApiKey(key: StoredApiKey, audit: AuditEntry): Promise<'added' | 'name-taken'>
  apiKeyByHash(hash: string): Promise<StoredApiKey | undefined>
  apiKeys(): Promise<readonly StoredApiKey[]>
  revokeApiKey(name: string, revokedAtMs: number, audit: AuditEntry): Promise<'revoked' | 'already-revoked' | 'unknown'>

  /** Stores an audit entry about something that is kept elsewhere. */
  addAudit(audit: AuditEntry): Promise<void>
  /** Entries that were not marked, oldest first, in the order of their transactions. */
  pendingAudit(limit: number): Promise<readonly PendingAuditEntry[]>
  /** Entries up to `sequence` are in the evidence log. May be forgotten in a crash: they are then given again. */
  markAudited(sequence: number): Promise<void>

  /** Removes challenges, spent proofs and badges that ended before the given times. */
  prune(before: {
    readonly challengesMs: number
    readonly proofsMs: number
    readonly badgesSeconds: number
  }): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

export type SubjectKind = 'agent' | 'server'

export type SubjectStatus = 'active' | 'suspended' | 'disabled' | 'deleted'

/** An agent or an MCP server that badges are issued for. */
export interface StoredSubject {
  readonly kind: SubjectKind
  readonly id: string
  readonly accountId: string
  readonly did: string
  /** 32 raw bytes. Absent until an identity is bound; then the pair of DID and key never changes. */
  readonly publicKey: Uint8Array | undefined
  /** Whether possession of the private key was proven when the identity was bound. */
  readonly keyProven: boolean
  readonly level: 1 | 2 | 3 | 4
  /** What the operator validated; present from level 2 on. */
  readonly validatedDomain: string | undefined
  readonly status: SubjectStatus
  readonly statusReason: string | undefined
  readonly disabledAtMs: number | undefined
  readonly name: string
  /** What the owner says about it; nothing follows from it. */
  readonly domain: string | undefined
  readonly description: string | undefined
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** 1, and one more with each change. */
  readonly revision: number
}

export type AddSubjectOutcome = 'added' | 'id-taken' | 'did-taken' | 'proof-spent'

export type ChangeSubjectOutcome = 'changed' | 'stale' | 'did-taken' | 'proof-spent'

/** A proof that counts once. */
export interface SpentProof {
  readonly jti: string
  readonly expiresAtMs: number
}

/** A challenge (RFC-003 §4). Everything but its use is fixed when it is made. */
export interface StoredChallenge {
  readonly id: string
  readonly nonce: string
  readonly did: string
  readonly accountId: string
  readonly badgeAudience: readonly string[]
  readonly badgeTtlSeconds: number
  readonly proofAudience: string
  readonly htu: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly clientAddress: string
  readonly usedAtMs: number | undefined
  readonly issuedBadgeJti: string | undefined
}

/** An issued badge, without the badge. Times are Unix seconds, as in the badge. */
export interface StoredBadge {
  readonly jti: string
  readonly subject: string
  /** Account of the subject when the badge was issued. */
  readonly accountId: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly level: number
  readonly ial: 0 | 1
  readonly confirmedKeyId: string | undefined
  readonly challengeId: string | undefined
  readonly revocation: Revocation | undefined
}

export interface Revocation {
  readonly atMs: number
  readonly reason: string | undefined
}

export interface RevokedBadge extends Revocation {
  readonly jti: string
}

export interface RevocationQuery {
  /** Inclusive. */
  readonly sinceMs: number
  /** Goes on behind this entry. */
  readonly after: { readonly atMs: number; readonly jti: string } | undefined
  readonly limit: number
  /** Leaves out badges that ended earlier, in Unix seconds. */
  readonly notEndedBefore: number
}

export interface StoredApiKey {
  /** Unique, also among revoked keys. */
  readonly name: string
  readonly accountId: string
  readonly hash: string
  readonly scopes: readonly string[]
  readonly createdAtMs: number
  readonly revokedAtMs: number | undefined
}

/** What happened, as the evidence log is going to keep it. */
export interface AuditEntry {
  /** UUID. */
  readonly id: string
  readonly leaf: Uint8Array
}

export interface PendingAuditEntry extends AuditEntry {
  /** Grows with each entry. */
  readonly sequence: number
}
