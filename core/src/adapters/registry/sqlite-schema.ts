import type { DatabaseSync } from 'node:sqlite'
import { RegistryStoreRefused } from './registry-store-refused.ts'

/** Marks the file as a registry's database ("cpsr"), so that no other one is taken for it. */
const APPLICATION_ID = 0x63707372

/** Version n is what the first n migrations make. Add migrations, never change one. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE registry (issuer TEXT NOT NULL) STRICT;
  CREATE TABLE subjects (
    kind TEXT NOT NULL, id TEXT NOT NULL, account_id TEXT NOT NULL, did TEXT NOT NULL UNIQUE,
    public_key BLOB, key_proven INTEGER NOT NULL, level INTEGER NOT NULL, validated_domain TEXT,
    status TEXT NOT NULL, status_reason TEXT, disabled_at INTEGER, name TEXT NOT NULL, domain TEXT,
    description TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT;
  CREATE INDEX subjects_by_account ON subjects (kind, account_id, id);
  CREATE TABLE challenges (
    id TEXT PRIMARY KEY, nonce TEXT NOT NULL, did TEXT NOT NULL, account_id TEXT NOT NULL,
    badge_audience TEXT NOT NULL, badge_ttl INTEGER NOT NULL, proof_audience TEXT NOT NULL, htu TEXT NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, client_address TEXT NOT NULL,
    used_at INTEGER, issued_badge_jti TEXT
  ) STRICT;
  CREATE INDEX challenges_by_end ON challenges (expires_at);
  CREATE TABLE badges (
    jti TEXT PRIMARY KEY, subject TEXT NOT NULL, account_id TEXT NOT NULL, issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, level INTEGER NOT NULL, ial INTEGER NOT NULL, cnf_kid TEXT,
    challenge_id TEXT UNIQUE, revoked_at INTEGER, revocation_reason TEXT
  ) STRICT;
  CREATE INDEX badges_by_end ON badges (expires_at);
  CREATE INDEX badges_by_revocation ON badges (revoked_at, jti) WHERE revoked_at IS NOT NULL;
  CREATE TABLE spent_proofs (jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
  CREATE TABLE api_keys (
    name TEXT PRIMARY KEY, account_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL, revoked_at INTEGER
  ) STRICT;
  CREATE TABLE pending_audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, leaf BLOB NOT NULL
  ) STRICT;
  `,
]

/** What this program writes and reads. */
export const SCHEMA_VERSION = MIGRATIONS.length

/** Makes the tables of a new registry. */
export function createSchema(database: DatabaseSync, issuer: string): void {
  migrate(database, 0)
  database.prepare('INSERT INTO registry (issuer) VALUES (?)').run(issuer)
}

/**
 * Brings an existing database to the newest version, in one transaction for each step.
 *
 * @throws {RegistryStoreRefused} STORE_FOREIGN, STORE_NEWER; then nothing was changed
 */
export function updateSchema(database: DatabaseSync, file: string): void {
  const read = (pragma: string): number => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
  if (read('application_id') !== APPLICATION_ID) {
    throw new RegistryStoreRefused('STORE_FOREIGN', `${file} is not the database of a registry. Name another file.`)
  }
  const version = read('user_version')
  if (version > SCHEMA_VERSION) {
    throw new RegistryStoreRefused(
      'STORE_NEWER',
      `${file} has format ${version}; this version knows ${SCHEMA_VERSION}. Start the newer version.`,
    )
  }
  migrate(database, version)
}

function migrate(database: DatabaseSync, from: number): void {
  for (const [index, statements] of MIGRATIONS.entries()) {
    if (index < from) continue
    database.exec(
      `BEGIN IMMEDIATE; ${statements} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${index + 1}; COMMIT`,
    )
  }
}
