import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { AuditEntry, RegistryStore, SpentProof, StoredBadge } from '../../ports/registry-store.ts'
import { openLaxConnection, openSqliteDatabase } from './open-sqlite-database.ts'
import {
  fromApiKey,
  fromBadge,
  fromChallenge,
  fromSubject,
  type Row,
  toApiKey,
  toBadge,
  toChallenge,
  toSubject,
} from './sqlite-rows.ts'

type Values = Readonly<Record<string, SQLInputValue>>

/**
 * A registry's store in one SQLite file: write-ahead log, every commit synced. Statements are
 * prepared, so that a text is never SQL. Writers take the lock before they read, so that what
 * a transaction compared still holds when it swaps, whichever process it runs in.
 *
 * @param file absolute
 * @throws {RegistryStoreRefused}
 */
export function openSqliteStore(file: string): RegistryStore {
  const database = openSqliteDatabase(file)
  const lax = openLaxConnection(file)
  const statements = new Map<string, StatementSync>()

  function prepared(sql: string): StatementSync {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = database.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  const get = (sql: string, values: Values = {}): Row | undefined => prepared(sql).get(values)
  const all = (sql: string, values: Values = {}): Row[] => prepared(sql).all(values)
  const run = (sql: string, values: Values = {}): number => Number(prepared(sql).run(values).changes)
  const insert = (table: string, row: Values): void => {
    const columns = Object.keys(row)
    run(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`, row)
  }

  /** Commits exactly when `change` comes to the outcome `done`; otherwise nothing happened. */
  function atomically<Outcome extends string>(done: Outcome, change: () => Outcome): Outcome {
    database.exec('BEGIN IMMEDIATE')
    try {
      const outcome = change()
      database.exec(outcome === done ? 'COMMIT' : 'ROLLBACK')
      return outcome
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  function addAudit({ id, leaf }: AuditEntry): void {
    insert('pending_audit', { id, leaf })
  }

  /** Whether the proof is spent now for the first time. */
  function spend(proof: SpentProof | undefined): boolean {
    if (proof === undefined) return true
    if (get('SELECT 1 FROM spent_proofs WHERE jti = :jti', { jti: proof.jti })) return false
    insert('spent_proofs', { jti: proof.jti, expires_at: proof.expiresAtMs })
    return true
  }

  function isCurrent(did: string, revision: number): boolean {
    const sql = `SELECT 1 FROM subjects WHERE did = :did AND revision = :revision AND status = 'active'`
    return get(sql, { did, revision }) !== undefined
  }

  function addBadge(badge: StoredBadge, audit: AuditEntry): void {
    insert('badges', fromBadge(badge))
    addAudit(audit)
  }

  const issuer = String(get('SELECT issuer FROM registry')?.issuer)
  let open = true

  return {
    issuer,

    async subject(kind, id) {
      const row = get('SELECT * FROM subjects WHERE kind = :kind AND id = :id', { kind, id })
      return row && toSubject(row)
    },

    async subjectByDid(did) {
      const row = get('SELECT * FROM subjects WHERE did = :did', { did })
      return row && toSubject(row)
    },

    async subjects(kind, accountId) {
      const sql = `SELECT * FROM subjects WHERE kind = :kind AND (:account IS NULL OR account_id = :account)
        AND status <> 'deleted' ORDER BY id`
      return all(sql, { kind, account: accountId ?? null }).map(toSubject)
    },

    async addSubject(subject, audit, proof) {
      return atomically('added', () => {
        const { kind, id, did } = subject
        if (get('SELECT 1 FROM subjects WHERE kind = :kind AND id = :id', { kind, id })) return 'id-taken'
        if (get('SELECT 1 FROM subjects WHERE did = :did', { did })) return 'did-taken'
        if (!spend(proof)) return 'proof-spent'
        insert('subjects', fromSubject(subject))
        addAudit(audit)
        return 'added'
      })
    },

    async changeSubject(subject, audit, proof) {
      return atomically('changed', () => {
        const { kind, id, did } = subject
        const current = get('SELECT revision FROM subjects WHERE kind = :kind AND id = :id', { kind, id })
        if (current?.revision !== subject.revision - 1) return 'stale'
        if (get('SELECT 1 FROM subjects WHERE did = :did AND NOT (kind = :kind AND id = :id)', { did, kind, id })) {
          return 'did-taken'
        }
        if (!spend(proof)) return 'proof-spent'
        const row = fromSubject(subject)
        const columns = Object.keys(row).map((name) => `${name} = :${name}`)
        run(`UPDATE subjects SET ${columns.join(', ')} WHERE kind = :kind AND id = :id`, row)
        addAudit(audit)
        return 'changed'
      })
    },

    async addChallenge(challenge) {
      insert('challenges', fromChallenge(challenge))
    },

    async challenge(id) {
      const row = get('SELECT * FROM challenges WHERE id = :id', { id })
      return row && toChallenge(row)
    },

    async recordBadge(badge, subjectRevision, audit) {
      return atomically('recorded', () => {
        if (!isCurrent(badge.subject, subjectRevision)) return 'stale'
        addBadge(badge, audit)
        return 'recorded'
      })
    },

    async consumeChallenge(badge, subjectRevision, audit) {
      return atomically('consumed', () => {
        const sql = `UPDATE challenges SET used_at = :at, issued_badge_jti = :jti WHERE id = :id AND used_at IS NULL`
        const { challengeId: id, jti, issuedAt } = badge
        if (run(sql, { id, jti, at: issuedAt * 1000 }) !== 1) return 'used'
        if (!isCurrent(badge.subject, subjectRevision)) return 'stale'
        addBadge(badge, audit)
        return 'consumed'
      })
    },

    async badge(jti) {
      const row = get('SELECT * FROM badges WHERE jti = :jti', { jti })
      return row && toBadge(row)
    },

    async revokeBadge(jti, { atMs, reason }, audit) {
      return atomically('revoked', () => {
        const row = get('SELECT revoked_at FROM badges WHERE jti = :jti', { jti })
        if (row === undefined) return 'unknown'
        if (row.revoked_at !== null) return 'already-revoked'
        const sql = 'UPDATE badges SET revoked_at = :at, revocation_reason = :reason WHERE jti = :jti'
        run(sql, { jti, at: atMs, reason: reason ?? null })
        addAudit(audit)
        return 'revoked'
      })
    },

    async revocations({ sinceMs, after, limit, notEndedBefore }) {
      const sql = `SELECT jti, revoked_at, revocation_reason FROM badges WHERE revoked_at IS NOT NULL
        AND revoked_at >= :since AND (revoked_at, jti) > (:afterAt, :afterJti) AND expires_at >= :notEndedBefore
        ORDER BY revoked_at, jti LIMIT :limit`
      const { atMs: afterAt = -1, jti: afterJti = '' } = after ?? {}
      return all(sql, { since: sinceMs, afterAt, afterJti, notEndedBefore, limit }).map((row) => ({
        jti: String(row.jti),
        atMs: Number(row.revoked_at),
        reason: row.revocation_reason === null ? undefined : String(row.revocation_reason),
      }))
    },

    async addApiKey(key, audit) {
      return atomically('added', () => {
        if (get('SELECT 1 FROM api_keys WHERE name = :name', { name: key.name })) return 'name-taken'
        insert('api_keys', fromApiKey(key))
        addAudit(audit)
        return 'added'
      })
    },

    async apiKeyByHash(hash) {
      const row = get('SELECT * FROM api_keys WHERE hash = :hash', { hash })
      return row && toApiKey(row)
    },

    async apiKeys() {
      return all('SELECT * FROM api_keys ORDER BY name').map(toApiKey)
    },

    async revokeApiKey(name, revokedAtMs, audit) {
      return atomically('revoked', () => {
        const row = get('SELECT revoked_at FROM api_keys WHERE name = :name', { name })
        if (row === undefined) return 'unknown'
        if (row.revoked_at !== null) return 'already-revoked'
        run('UPDATE api_keys SET revoked_at = :at WHERE name = :name', { name, at: revokedAtMs })
        addAudit(audit)
        return 'revoked'
      })
    },

    async addAudit(audit) {
      addAudit(audit)
    },

    async pendingAudit(limit) {
      return all('SELECT sequence, id, leaf FROM pending_audit ORDER BY sequence LIMIT :limit', { limit }).map(
        (row) => ({
          sequence: Number(row.sequence),
          id: String(row.id),
          leaf: Uint8Array.from(row.leaf as Uint8Array),
        }),
      )
    },

    async markAudited(sequence) {
      lax.prepare('DELETE FROM pending_audit WHERE sequence <= ?').run(sequence)
    },

    async prune({ challengesMs, proofsMs, badgesSeconds }) {
      lax.prepare('DELETE FROM challenges WHERE expires_at < ?').run(challengesMs)
      lax.prepare('DELETE FROM spent_proofs WHERE expires_at < ?').run(proofsMs)
      lax.prepare('DELETE FROM badges WHERE expires_at < ?').run(badgesSeconds)
    },

    async close() {
      if (!open) return
      open = false
      statements.clear()
      lax.close()
      database.close()
    },
  }
}
