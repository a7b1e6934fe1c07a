import type { SQLOutputValue } from 'node:sqlite'
import type {
  StoredApiKey,
  StoredBadge,
  StoredChallenge,
  StoredSubject,
  SubjectKind,
  SubjectStatus,
} from '../../ports/registry-store.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

/** A column that may be NULL. */
function optional<T>(value: SQLOutputValue | undefined, read: (value: SQLOutputValue) => T): T | undefined {
  return value === null || value === undefined ? undefined : read(value)
}

export function toSubject(row: Row): StoredSubject {
  return {
    kind: String(row.kind) as SubjectKind,
    id: String(row.id),
    accountId: String(row.account_id),
    did: String(row.did),
    publicKey: optional(row.public_key, (value) => Uint8Array.from(value as Uint8Array)),
    keyProven: row.key_proven === 1,
    level: Number(row.level) as StoredSubject['level'],
    validatedDomain: optional(row.validated_domain, String),
    status: String(row.status) as SubjectStatus,
    statusReason: optional(row.status_reason, String),
    disabledAtMs: optional(row.disabled_at, Number),
    name: String(row.name),
    domain: optional(row.domain, String),
    description: optional(row.description, String),
    createdAtMs: Number(row.created_at),
    updatedAtMs: Number(row.updated_at),
    revision: Number(row.revision),
  }
}

export function fromSubject(subject: StoredSubject) {
  return {
    kind: subject.kind,
    id: subject.id,
    account_id: subject.accountId,
    did: subject.did,
    public_key: subject.publicKey ?? null,
    key_proven: subject.keyProven ? 1 : 0,
    level: subject.level,
    validated_domain: subject.validatedDomain ?? null,
    status: subject.status,
    status_reason: subject.statusReason ?? null,
    disabled_at: subject.disabledAtMs ?? null,
    name: subject.name,
    domain: subject.domain ?? null,
    description: subject.description ?? null,
    created_at: subject.createdAtMs,
    updated_at: subject.updatedAtMs,
    revision: subject.revision,
  }
}

export function toChallenge(row: Row): StoredChallenge {
  return {
    id: String(row.id),
    nonce: String(row.nonce),
    did: String(row.did),
    accountId: String(row.account_id),
    badgeAudience: JSON.parse(String(row.badge_audience)) as string[],
    badgeTtlSeconds: Number(row.badge_ttl),
    proofAudience: String(row.proof_audience),
    htu: String(row.htu),
    createdAtMs: Number(row.created_at),
    expiresAtMs: Number(row.expires_at),
    clientAddress: String(row.client_address),
    usedAtMs: optional(row.used_at, Number),
    issuedBadgeJti: optional(row.issued_badge_jti, String),
  }
}

export function fromChallenge(challenge: StoredChallenge) {
  return {
    id: challenge.id,
    nonce: challenge.nonce,
    did: challenge.did,
    account_id: challenge.accountId,
    badge_audience: JSON.stringify(challenge.badgeAudience),
    badge_ttl: challenge.badgeTtlSeconds,
    proof_audience: challenge.proofAudience,
    htu: challenge.htu,
    created_at: challenge.createdAtMs,
    expires_at: challenge.expiresAtMs,
    client_address: challenge.clientAddress,
    used_at: challenge.usedAtMs ?? null,
    issued_badge_jti: challenge.issuedBadgeJti ?? null,
  }
}

export function toBadge(row: Row): StoredBadge {
  const revokedAtMs = optional(row.revoked_at, Number)
  return {
    jti: String(row.jti),
    subject: String(row.subject),
    accountId: String(row.account_id),
    issuedAt: Number(row.issued_at),
    expiresAt: Number(row.expires_at),
    level: Number(row.level),
    ial: row.ial === 1 ? 1 : 0,
    confirmedKeyId: optional(row.cnf_kid, String),
    challengeId: optional(row.challenge_id, String),
    revocation:
      revokedAtMs === undefined ? undefined : { atMs: revokedAtMs, reason: optional(row.revocation_reason, String) },
  }
}

export function fromBadge(badge: StoredBadge) {
  return {
    jti: badge.jti,
    subject: badge.subject,
    account_id: badge.accountId,
    issued_at: badge.issuedAt,
    expires_at: badge.expiresAt,
    level: badge.level,
    ial: badge.ial,
    cnf_kid: badge.confirmedKeyId ?? null,
    challenge_id: badge.challengeId ?? null,
    revoked_at: badge.revocation?.atMs ?? null,
    revocation_reason: badge.revocation?.reason ?? null,
  }
}

export function toApiKey(row: Row): StoredApiKey {
  return {
    name: String(row.name),
    accountId: String(row.account_id),
    hash: String(row.hash),
    scopes: String(row.scopes).split(' '),
    createdAtMs: Number(row.created_at),
    revokedAtMs: optional(row.revoked_at, Number),
  }
}

export function fromApiKey(key: StoredApiKey) {
  return {
    name: key.name,
    account_id: key.accountId,
    hash: key.hash,
    scopes: key.scopes.join(' '),
    created_at: key.createdAtMs,
    revoked_at: key.revokedAtMs ?? null,
  }
}
