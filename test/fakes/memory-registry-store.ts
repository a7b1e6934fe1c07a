import type {
  AuditEntry,
  PendingAuditEntry,
  RegistryStore,
  SpentProof,
  StoredApiKey,
  StoredBadge,
  StoredChallenge,
  StoredSubject,
} from '../../core/src/ports/registry-store.ts'

/** A registry's store that ends with the process. Every method does its work in one turn. */
export function createMemoryRegistryStore(issuer = 'https://registry.example.com'): RegistryStore {
  const subjects = new Map<string, StoredSubject>()
  const challenges = new Map<string, StoredChallenge>()
  const badges = new Map<string, StoredBadge>()
  const keys = new Map<string, StoredApiKey>()
  const spent = new Map<string, number>()
  let audit: PendingAuditEntry[] = []
  let sequence = 0

  const addAudit = (entry: AuditEntry): void => {
    sequence++
    audit.push({ ...entry, sequence })
  }
  const byDid = (did: string): StoredSubject | undefined => [...subjects.values()].find((one) => one.did === did)
  const keyOf = ({ kind, id }: Pick<StoredSubject, 'kind' | 'id'>): string => `${kind} ${id}`
  const isSpent = (proof: SpentProof | undefined): boolean => proof !== undefined && spent.has(proof.jti)
  const spend = (proof: SpentProof | undefined): void => {
    if (proof !== undefined) spent.set(proof.jti, proof.expiresAtMs)
  }
  const isCurrent = (did: string, revision: number): boolean => {
    const subject = byDid(did)
    return subject?.revision === revision && subject.status === 'active'
  }

  return {
    issuer,
    subject: async (kind, id) => subjects.get(keyOf({ kind, id })),
    subjectByDid: async (did) => byDid(did),
    subjects: async (kind, accountId) =>
      [...subjects.values()]
        .filter((one) => one.kind === kind && one.status !== 'deleted')
        .filter((one) => accountId === undefined || one.accountId === accountId)
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    async addSubject(subject, entry, proof) {
      if (subjects.has(keyOf(subject))) return 'id-taken'
      if (byDid(subject.did) !== undefined) return 'did-taken'
      if (isSpent(proof)) return 'proof-spent'
      spend(proof)
      subjects.set(keyOf(subject), subject)
      addAudit(entry)
      return 'added'
    },
    async changeSubject(subject, entry, proof) {
      if (subjects.get(keyOf(subject))?.revision !== subject.revision - 1) return 'stale'
      const holder = byDid(subject.did)
      if (holder !== undefined && keyOf(holder) !== keyOf(subject)) return 'did-taken'
      if (isSpent(proof)) return 'proof-spent'
      spend(proof)
      subjects.set(keyOf(subject), subject)
      addAudit(entry)
      return 'changed'
    },

    async addChallenge(challenge) {
      challenges.set(challenge.id, challenge)
    },
    challenge: async (id) => challenges.get(id),
    async recordBadge(badge, subjectRevision, entry) {
      if (!isCurrent(badge.subject, subjectRevision)) return 'stale'
      badges.set(badge.jti, stored(badge))
      addAudit(entry)
      return 'recorded'
    },
    async consumeChallenge(badge, subjectRevision, entry) {
      const challenge = challenges.get(badge.challengeId)
      if (challenge === undefined || challenge.usedAtMs !== undefined) return 'used'
      if (!isCurrent(badge.subject, subjectRevision)) return 'stale'
      challenges.set(challenge.id, { ...challenge, usedAtMs: badge.issuedAt * 1000, issuedBadgeJti: badge.jti })
      badges.set(badge.jti, stored(badge))
      addAudit(entry)
      return 'consumed'
    },
    badge: async (jti) => badges.get(jti),
    async revokeBadge(jti, revocation, entry) {
      const badge = badges.get(jti)
      if (badge === undefined) return 'unknown'
      if (badge.revocation !== undefined) return 'already-revoked'
      badges.set(jti, { ...badge, revocation })
      addAudit(entry)
      return 'revoked'
    },
    revocations: async ({ sinceMs, after, limit, notEndedBefore }) =>
      [...badges.values()]
        .flatMap(({ jti, expiresAt, revocation }) => (revocation ? [{ jti, expiresAt, ...revocation }] : []))
        .filter(({ atMs, expiresAt }) => atMs >= sinceMs && expiresAt >= notEndedBefore)
        .sort((a, b) => a.atMs - b.atMs || (a.jti < b.jti ? -1 : 1))
        .filter(({ atMs, jti }) => after === undefined || atMs > after.atMs || (atMs === after.atMs && jti > after.jti))
        .slice(0, limit)
        .map(({ jti, atMs, reason }) => ({ jti, atMs, reason })),

    async addApiKey(key, entry) {
      if (keys.has(key.name)) return 'name-taken'
      keys.set(key.name, key)
      addAudit(entry)
      return 'added'
    },
    apiKeyByHash: async (hash) => [...keys.values()].find((key) => key.hash === hash),
    apiKeys: async () => [...keys.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    async revokeApiKey(name, revokedAtMs, entry) {
      const key = keys.get(name)
      if (key === undefined) return 'unknown'
      if (key.revokedAtMs !== undefined) return 'already-revoked'
      keys.set(name, { ...key, revokedAtMs })
      addAudit(entry)
      return 'revoked'
    },

    addAudit: async (entry) => addAudit(entry),
    pendingAudit: async (limit) => audit.slice(0, limit),
    async markAudited(upTo) {
      audit = audit.filter((entry) => entry.sequence > upTo)
    },
    async prune({ challengesMs, proofsMs, badgesSeconds }) {
      for (const { id, expiresAtMs } of challenges.values()) if (expiresAtMs < challengesMs) challenges.delete(id)
      for (const [jti, expiresAtMs] of spent) if (expiresAtMs < proofsMs) spent.delete(jti)
      for (const { jti, expiresAt } of badges.values()) if (expiresAt < badgesSeconds) badges.delete(jti)
    },
    close: async () => undefined,
  }
}

/** Only what the port says: whoever hands over more does not find it again. */
function stored(badge: StoredBadge): StoredBadge {
  const { jti, subject, accountId, issuedAt, expiresAt, level, ial, confirmedKeyId, challengeId, revocation } = badge
  return { jti, subject, accountId, issuedAt, expiresAt, level, ial, confirmedKeyId, challengeId, revocation }
}
