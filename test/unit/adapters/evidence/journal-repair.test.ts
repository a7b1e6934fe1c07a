import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createJournalRepair } from '../../../../core/src/adapters/evidence/journal-repair.ts'
import { listJournalSegments, segmentName } from '../../../../core/src/adapters/evidence/journal-segments.ts'
import type { JournalSegment } from '../../../../core/src/ports/journal.ts'
import { systemError } from '../../../fakes/faulty-files.ts'

let folder: string
let segment: JournalSegment

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-repair-'))
  mkdirSync(join(folder, 'journal'))
  writeFileSync(join(folder, segmentName(0)), 'stored-torn')
  const [only] = await listJournalSegments(folder)
  if (only === undefined) throw new Error('There is one segment.')
  segment = only
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const quarantined = () =>
  readdirSync(join(folder, 'quarantine')).map((name) => [name, readFileSync(join(folder, 'quarantine', name), 'utf8')])
const stored = () => readFileSync(join(folder, segmentName(0)), 'utf8')

it('a tail is moved to quarantine, beside earlier ones from the same place', async () => {
  const repair = createJournalRepair(folder)
  await repair.quarantineTail(segment, 6)
  writeFileSync(join(folder, segmentName(0)), 'stored-again')
  const [grown = segment] = await listJournalSegments(folder)
  await repair.quarantineTail(grown, 6)
  expect(stored()).toBe('stored')
  expect(quarantined()).toEqual([
    ['00000000000000000000.wal.6.0', '-torn'],
    ['00000000000000000000.wal.6.1', '-again'],
  ])
})

it('a tail that cannot be copied stays where it is, and no part of a copy is left', async () => {
  const full = { ...segment, read: () => Promise.reject(systemError('ENOSPC')) }
  await expect(createJournalRepair(folder).quarantineTail(full, 6)).rejects.toMatchObject({ code: 'ENOSPC' })
  expect([stored(), quarantined()]).toEqual(['stored-torn', []])
})
