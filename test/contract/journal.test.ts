import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openFileJournal } from '../../core/src/adapters/evidence/file-journal.ts'
import { nodeJournalFiles } from '../../core/src/adapters/evidence/journal-files.ts'
import { createJournalRepair } from '../../core/src/adapters/evidence/journal-repair.ts'
import { listJournalSegments } from '../../core/src/adapters/evidence/journal-segments.ts'
import { createMemoryJournal } from '../fakes/memory-journal.ts'
import { describeJournal } from './journal.contract.ts'

describeJournal('files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'capiscio-journal-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await mkdir(join(directory, 'journal'))
  return {
    async open() {
      const newest = (await listJournalSegments(directory)).at(-1)
      return openFileJournal({
        directory,
        newest: newest && { name: newest.name, bytes: newest.size },
        files: nodeJournalFiles,
        releaseLock: () => undefined,
      })
    },
    segments: () => listJournalSegments(directory),
    repair: createJournalRepair(directory),
    async quarantined() {
      const folder = join(directory, 'quarantine')
      return Promise.all(
        (await readdir(folder)).sort().map(async (file) => new Uint8Array(await readFile(join(folder, file)))),
      )
    },
  }
})

describeJournal('memory', async () => {
  const journal = createMemoryJournal()
  return {
    open: async () => journal.open(),
    segments: async () => journal.segments(),
    repair: journal.repair,
    quarantined: async () => journal.quarantine.map(({ bytes }) => bytes),
  }
})
