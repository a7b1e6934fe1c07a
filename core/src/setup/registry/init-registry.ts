import { existsSync } from 'node:fs'
import { createNodeEd25519Signer } from '../../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { addCaKey, type CaKeyFile, readCaKeyFile } from '../../adapters/registry/ca-key-files.ts'
import { createSqliteDatabase } from '../../adapters/registry/open-sqlite-database.ts'
import { RegistryStoreRefused } from '../../adapters/registry/registry-store-refused.ts'
import { openSqliteStore } from '../../adapters/registry/sqlite-store.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import type { RegistryConfig } from '../../config/registry-config.ts'
import { createApiKey } from '../../domain/registry/api-keys.ts'
import { encodeAuditRecord } from '../../domain/registry/audit-record.ts'
import type { Random } from '../../ports/random.ts'
import type { AuditEntry } from '../../ports/registry-store.ts'
import type { RegistryAdapters } from './open-registry.ts'
import { registryFolders } from './registry-files.ts'

/** Name of the first API key. */
const ADMIN_KEY_NAME = 'admin'

export interface NewRegistry {
  readonly issuer: string
  readonly caKid: string
  /** An API key with the scope `admin`. Shown once. */
  readonly adminKey: string
}

/**
 * Makes a registry: database, first CA key, first API key. The only place where a CA key is
 * made without being asked for by name.
 *
 * @throws {RegistryStoreRefused} where there is one already
 */
export async function initRegistry(
  config: RegistryConfig & { readonly issuer: string },
  { clock = systemClock, random = systemRandom }: Pick<RegistryAdapters, 'clock' | 'random'> = {},
): Promise<NewRegistry> {
  const { issuer, databaseFile } = config
  const { caKeys } = registryFolders(config)
  if (existsSync(databaseFile)) {
    throw new RegistryStoreRefused('STORE_EXISTS', `${databaseFile} exists: this registry was made before.`)
  }
  const nowMs = clock.nowMs()
  const caKey =
    config.caKeyFile === undefined ? newCaKey(random, nowMs, nowMs) : await importedCaKey(config.caKeyFile, nowMs)
  // The key first: a database without a key would look like a registry that lost it.
  await addCaKey(caKeys, caKey, createNodeEd25519Signer)
  await createSqliteDatabase(databaseFile, issuer)
  const store = openSqliteStore(databaseFile)
  try {
    const entry = (event: 'initialized' | 'api_key_created', details: Record<string, string>): AuditEntry => {
      const id = random.uuid()
      return { id, leaf: encodeAuditRecord(event, { id, atMs: nowMs }, { actor: 'operator', ...details }) }
    }
    await store.addAudit(entry('initialized', { issuer, ca_kid: caKey.kid }))
    const { key, hash } = createApiKey(random)
    const admin = { name: ADMIN_KEY_NAME, accountId: 'default', hash, scopes: ['admin'], createdAtMs: nowMs }
    await store.addApiKey(
      { ...admin, revokedAtMs: undefined },
      entry('api_key_created', { name: ADMIN_KEY_NAME, account: 'default', scopes: 'admin' }),
    )
    return { issuer, caKid: caKey.kid, adminKey: key }
  } finally {
    await store.close()
  }
}

/** A new CA key whose id says when it was made. */
export function newCaKey(random: Random, nowMs: number, activeFromMs: number): CaKeyFile {
  return { kid: `capiscio-ca-${Math.floor(nowMs / 1000)}`, seed: random.bytes(32), activeFromMs }
}

async function importedCaKey(path: string, nowMs: number): Promise<CaKeyFile> {
  return { ...(await readCaKeyFile(path, createNodeEd25519Signer)), activeFromMs: nowMs }
}
