import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createFileTrustRecords } from '../../core/src/adapters/trust/file-trust-records.ts'
import { createMemoryTrustRecords } from '../fakes/memory-trust-records.ts'
import { describeTrustRecords } from './trust-records.contract.ts'

const folders: string[] = []

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

describeTrustRecords('Files', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'capiscio-trust-'))
  folders.push(parent)
  const folder = join(parent, 'not', 'yet')
  return {
    open: () => createFileTrustRecords(folder),
    async plantOlder(name, text) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(join(folder, name), text, { mode: 0o600 })
    },
  }
})

describeTrustRecords('Memory', async () => {
  const records = createMemoryTrustRecords()
  return { open: () => records, plantOlder: async (name, text) => void records.olderFiles.set(name, text) }
})
