import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { createLogReader } from '../../../../core/src/domain/evidence/log-reader.ts'
import type { CommittedHead } from '../../../../core/src/domain/evidence/tree-writer.ts'
import { parseVerifierKey } from '../../../../core/src/domain/evidence/verifier-key.ts'
import { createManualTimer } from '../../../fakes/manual-timer.ts'
import {
  createEvidencePlace,
  createEvidenceTelemetry,
  openAt,
  removeEvidencePlaces,
} from '../../../tools/evidence-place.ts'
import { readStoredLog, type StoredLog, storedFiles, storedSegments } from '../../../tools/stored-log.ts'

afterAll(removeEvidencePlaces)

/** A log as it was after so many entries: its files, and the head that had been committed. */
interface Moment {
  readonly stored: StoredLog
  readonly head: CommittedHead
}

const leafOf = (index: number): Uint8Array => new TextEncoder().encode(`entry ${index}`)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let origin: string
let vkey: string
/** Nothing published; more, still nothing; published within the same bundle; more after that. */
let early: Moment
let short: Moment
let published: Moment
let late: Moment

beforeAll(async () => {
  const place = createEvidencePlace()
  const timer = createManualTimer()
  const telemetry = createEvidenceTelemetry()
  const { log } = await openAt(place, { timer, telemetry })
  origin = log.origin
  vkey = log.vkey
  const growTo = async (size: number): Promise<Moment> => {
    await Promise.all(Array.from({ length: size - log.size }, (_, i) => log.append(leafOf(log.size + i))))
    return { stored: readStoredLog(place.directory), head: { size: log.size, checkpoint: log.checkpoint ?? leafOf(0) } }
  }
  early = await growTo(10)
  short = await growTo(2_060)
  await growTo(2_100)
  timer.advance(60_000)
  while (!telemetry.seen.published.includes(2_100)) await turn()
  published = await growTo(2_100)
  late = await growTo(2_200)
  await log.close()
})

/** A reader of one moment after the other, whose files and journal can be held back. */
function createReader(first: Moment) {
  const world = { now: first, files: Promise.resolve(), journal: Promise.resolve() }
  const reader = createLogReader({
    ...{ origin, vkey, keys: [parseVerifierKey(vkey)], verifier: createNodeEd25519Verifier({ maxKeys: 4 }) },
    files: {
      async read(path) {
        await world.files
        return storedFiles(world.now.stored).read(path)
      },
    },
    async segments() {
      await world.journal
      return storedSegments(world.now.stored)
    },
    head: () => world.now.head,
  })
  const read = async (index: number): Promise<string> => {
    for await (const { leaf } of reader.entries(index, index + 1)) return new TextDecoder().decode(leaf)
    return ''
  }
  return { world, read }
}

describe('a reader beside a writer', () => {
  it('reads every entry when more was published than it has followed', async () => {
    const { world, read } = createReader(early)
    expect(await read(9)).toBe('entry 9')
    // The newest bundle has a file for 2100 entries, and none for the 2060 that the reader is to go to.
    world.now = { stored: published.stored, head: short.head }
    for (const index of [2_055, 2_048, 2_047, 100, 0]) expect(await read(index)).toBe(`entry ${index}`)
  })

  it('reads on while another reading moves it to a newer head', async () => {
    const { world, read } = createReader(published)
    expect(await read(2_099)).toBe('entry 2099')
    const files = Promise.withResolvers<void>()
    const journal = Promise.withResolvers<void>()
    world.files = files.promise
    const old = read(10)
    await turn()
    world.now = late
    world.journal = journal.promise
    const newest = read(2_199)
    await turn()
    files.resolve()
    for (let n = 0; n < 5; n += 1) await turn()
    journal.resolve()
    expect(await Promise.all([old, newest])).toEqual(['entry 10', 'entry 2199'])
  })

  it('reads what was published in another file since, whoever found that out first', async () => {
    const { world, read } = createReader(early)
    await read(0)
    // No journal any more: everything up to the head is in bundles.
    const bundled = new Map([...published.stored].filter(([path]) => !path.startsWith('journal/')))
    world.now = { stored: bundled, head: published.head }
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => read(i * 50)))
    expect(all).toEqual(Array.from({ length: 40 }, (_, i) => `entry ${i * 50}`))
  })
})
