import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createSqliteDatabase } from '../../core/src/adapters/registry/open-sqlite-database.ts'
import { openSqliteStore } from '../../core/src/adapters/registry/sqlite-store.ts'
import { createMemoryRegistryStore } from '../fakes/memory-registry-store.ts'
import { registryStoreContract } from './registry-store.contract.ts'

const scratch = mkdtempSync(join(tmpdir(), 'capiscio-registry-store-'))
afterAll(() => rmSync(scratch, { recursive: true }))

let count = 0

registryStoreContract('in memory', async () => createMemoryRegistryStore())
registryStoreContract('in SQLite', async () => {
  const file = join(scratch, `${count++}`, 'registry.db')
  await createSqliteDatabase(file, 'https://registry.example.com')
  return openSqliteStore(file)
})
