import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSqliteDatabase } from '../../../../core/src/adapters/registry/open-sqlite-database.ts'
import { SCHEMA_VERSION } from '../../../../core/src/adapters/registry/sqlite-schema.ts'
import { openSqliteStore } from '../../../../core/src/adapters/registry/sqlite-store.ts'
import { badgeFor, challengeFor, entry, subjectNamed } from '../../../contract/registry-store.contract.ts'
import { refusalOf, rejectionOf } from '../../../tools/refusal.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-sqlite-'))
  file = join(folder, 'deep', 'registry.db')
  await createSqliteDatabase(file, 'https://registry.example.com')
})
afterEach(() => rmSync(folder, { recursive: true }))

function change(sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

describe('the database of a registry', () => {
  it('is for its owner alone, its side files too', async () => {
    const store = openSqliteStore(file)
    await store.addSubject(subjectNamed('a1'), entry())
    for (const suffix of ['', '-wal', '-shm'])
      expect([suffix, statSync(file + suffix).mode & 0o777]).toEqual([suffix, 0o600])
    await store.close()
    await store.close()
  })

  it('is made once', async () => {
    expect(await rejectionOf(createSqliteDatabase(file, 'https://other.example.com'))).toBe(
      'RegistryStoreRefused STORE_EXISTS',
    )
    const store = openSqliteStore(file)
    expect(store.issuer).toBe('https://registry.example.com')
    await store.close()
  })

  it('must be there, and is not made by being opened', () => {
    const missing = join(folder, 'missing.db')
    expect(refusalOf(() => openSqliteStore(missing))).toBe('RegistryStoreRefused STORE_MISSING')
    expect(refusalOf(() => statSync(missing))).toMatch(/ENOENT/)
  })

  it('is refused when it is newer, and then not changed', () => {
    change(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
    expect(refusalOf(() => openSqliteStore(file))).toBe('RegistryStoreRefused STORE_NEWER')
    change(`PRAGMA user_version = ${SCHEMA_VERSION}`)
    void openSqliteStore(file).close()
  })

  it('is refused when it is that of something else, or no database', () => {
    change('PRAGMA application_id = 7')
    expect(refusalOf(() => openSqliteStore(file))).toBe('RegistryStoreRefused STORE_FOREIGN')
    writeFileSync(file, 'text '.repeat(1000))
    expect(refusalOf(() => openSqliteStore(file))).toBe('RegistryStoreRefused STORE_FOREIGN')
  })

  it('lets two processes agree: one challenge, one badge', async () => {
    const stores = [openSqliteStore(file), openSqliteStore(file)] as const
    const agent = subjectNamed('a1')
    await stores[0].addSubject(agent, entry())
    for (let round = 0; round < 20; round++) {
      const challenge = challengeFor(agent)
      await stores[round % 2 === 0 ? 0 : 1].addChallenge(challenge)
      const outcomes = await Promise.all(
        stores.map((store) => store.consumeChallenge({ ...badgeFor(agent), challengeId: challenge.id }, 1, entry())),
      )
      expect(outcomes.toSorted()).toEqual(['consumed', 'used'])
    }
    for (const store of stores) await store.close()
  })

  it('keeps nothing of a change that failed halfway', async () => {
    const store = openSqliteStore(file)
    const agent = subjectNamed('a1')
    await store.addSubject(agent, entry())
    const badge = badgeFor(agent)
    await store.recordBadge(badge, 1, entry())
    const challenge = challengeFor(agent)
    await store.addChallenge(challenge)
    // The same jti again: the badge cannot be inserted, after the challenge was marked.
    const again = store.consumeChallenge({ ...badge, challengeId: challenge.id }, 1, entry())
    expect(await rejectionOf(again)).toMatch(/^Error/)
    expect(await store.challenge(challenge.id)).toEqual(challenge)
    expect(await store.pendingAudit(10)).toHaveLength(2)
    expect(await store.consumeChallenge({ ...badgeFor(agent), challengeId: challenge.id }, 1, entry())).toBe('consumed')
    await store.close()
  })
})
