import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createFileRevocationStore } from '../../core/src/adapters/revocation/file-revocation-store.ts'
import { createMemoryRevocationStore } from '../fakes/memory-revocation-store.ts'
import { revocationStoreContract } from './revocation-store.contract.ts'

const folders: string[] = []

afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

revocationStoreContract('the store in files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-store-'))
  folders.push(folder)
  let current: Disposable | undefined
  return {
    reopen() {
      current?.[Symbol.dispose]()
      const store = createFileRevocationStore(folder)
      current = store
      return store
    },
  }
})

revocationStoreContract('the fake in memory', async () => {
  const store = createMemoryRevocationStore()
  return { reopen: () => store }
})
