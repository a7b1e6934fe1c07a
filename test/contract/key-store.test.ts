import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileKeyStore } from '../../core/src/adapters/keys/file-key-store.ts'
import { createMemoryKeyStore } from '../fakes/memory-key-store.ts'
import { describeKeyStore } from './key-store.contract.ts'

describeKeyStore('the key store in files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-keys-'))
  const open = () => createFileKeyStore(join(folder, 'state', 'keys'))
  return {
    store: open(),
    reopen: open,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
})

describeKeyStore('the key store in memory', async () => {
  const store = createMemoryKeyStore()
  return { store, reopen: () => store, async [Symbol.asyncDispose]() {} }
})
