import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../core/src/domain/evidence/checkpoint.ts'
import { leafHash } from '../../../../core/src/domain/evidence/merkle.ts'
import { verifyInclusion } from '../../../../core/src/domain/evidence/merkle-proof.ts'
import { parseVerifierKey } from '../../../../core/src/domain/evidence/verifier-key.ts'
import { openEvidenceReader } from '../../../../core/src/setup/evidence/open-evidence-reader.ts'
import { readEvidenceLogs } from '../../../../core/src/setup/evidence/read-evidence-logs.ts'
import { verifyEvidenceLog } from '../../../../core/src/setup/evidence/verify-evidence-log.ts'
import { createFaultyPublicFiles } from '../../../fakes/faulty-public-files.ts'
import { createFixedClock, type FixedClock } from '../../../fakes/fixed-clock.ts'
import { nodeVerifier } from '../../../fakes/log-signer.ts'
import { createManualTimer, type ManualTimer } from '../../../fakes/manual-timer.ts'
import {
  createEvidencePlace,
  createEvidenceTelemetry,
  type EvidencePlace,
  openAt,
  removeEvidencePlaces,
} from '../../../tools/evidence-place.ts'

afterAll(removeEvidencePlaces)

const DAY_MS = 24 * 60 * 60 * 1000
const START_MS = Date.UTC(2026, 0)
/** One entry an hour. */
const leafOf = (i: number) =>
  new TextEncoder().encode(
    JSON.stringify({ entry: i, timestamp: new Date(START_MS + (i * DAY_MS) / 24).toISOString() }),
  )

let place: EvidencePlace
let clock: FixedClock
let timer: ManualTimer
/** What is planned for tomorrow: the next look at what became old. */
let daily: ManualTimer
beforeEach(() => {
  place = createEvidencePlace()
  clock = createFixedClock(START_MS)
  timer = createManualTimer()
  daily = createManualTimer()
})

async function written(leaves: readonly Uint8Array[]): Promise<void> {
  const { log } = await openAt(place, { clock })
  await Promise.all(leaves.map((leaf) => log.append(leaf)))
  await log.close()
}
const bundlesOf = (directory: string) =>
  readdirSync(join(directory, 'tile/entries')).filter((name) => /^\d{3}$/.test(name))
const bundles = () => bundlesOf(place.directory)
const entries = Array.from({ length: 1100 }, (_, i) => leafOf(i))
/** Opens with entries kept for so many days, waits until what is old is gone. */
async function opened(days: number, options: Parameters<typeof openAt>[1] = {}) {
  const telemetry = createEvidenceTelemetry()
  const both = { after: (ms: number, call: () => void) => (ms === DAY_MS ? daily : timer).after(ms, call) }
  const retentionMs = days * DAY_MS
  return { telemetry, ...(await openAt(place, { clock, timer: both, telemetry, retentionMs, ...options })) }
}
/** Tomorrow's look is planned when today's is done. */
const looked = () => expect.poll(() => daily.pending).toBe(1)

describe('entries that are older than they are to be kept', () => {
  it('go in whole bundles, from the beginning, after a record that says so', async () => {
    await written(entries)
    // Entry 640 is a day older than the limit; the bundle that holds it also holds younger ones.
    clock.advance((641 * DAY_MS) / 24 + DAY_MS)
    const { log } = await opened(1)
    await looked()
    expect([bundles(), log.size]).toEqual([['002', '003'], 1101])
    await log.close()

    const reader = await openEvidenceReader(place.directory, nodeVerifier)
    expect([await reader.firstKept(), reader.size]).toEqual([512, 1101])
    for await (const { leaf } of reader.entries(1100, 1101)) {
      expect(JSON.parse(new TextDecoder().decode(leaf))).toEqual({
        'event.name': 'capiscio.evidence_pruned',
        'io.capisc.minimum_index': 512,
        timestamp: new Date(clock.nowMs()).toISOString(),
      })
    }
    expect(await verifyEvidenceLog({ directory: place.directory, verifier: nodeVerifier })).toMatchObject({
      ok: true,
      size: 1101,
      firstKept: 512,
    })
  })

  it('are still proven to be in the log, for whoever kept their bytes', async () => {
    await written(entries)
    clock.advance(60 * DAY_MS)
    const { log } = await opened(1)
    await looked()
    expect(bundles()).toEqual([])
    await log.close()
    const reader = await openEvidenceReader(place.directory, nodeVerifier)
    const key = parseVerifierKey(reader.vkey)
    const { size, root } = openCheckpoint(reader.checkpoint() ?? new Uint8Array(0), reader.origin, [key], nodeVerifier)
    const proof = await reader.inclusionProof(3, size)
    expect(verifyInclusion({ index: 3, size, root, proof, leafHash: leafHash(leafOf(3)) })).toBe(true)
    await expect(reader.entries(0, 1)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'FILE_MISSING' })
  })

  it('are passed over by whoever reads all logs', async () => {
    const { log } = await openAt(place, { clock, location: { root: place.root } })
    await Promise.all(entries.slice(0, 600).map((leaf) => log.append(leaf)))
    await log.close()
    clock.advance(60 * DAY_MS)
    const second = await opened(1, { location: { root: place.root } })
    await looked()
    expect([bundlesOf(second.directory), second.log.size]).toEqual([[], 601])
    await second.log.close()
    const seen: number[] = []
    for await (const { index } of readEvidenceLogs({ root: place.root })) seen.push(index)
    expect([seen[0], seen.length]).toEqual([512, 89])
  })

  it('go when they become old, once a day', async () => {
    await written(entries)
    clock.advance((300 * DAY_MS) / 24)
    const { log } = await opened(1)
    await looked()
    expect(bundles()).toEqual(['001', '002', '003'])
    clock.advance((300 * DAY_MS) / 24)
    daily.advance(DAY_MS - 1)
    expect(bundles()).toEqual(['001', '002', '003'])
    daily.advance(1)
    await looked()
    expect(bundles()).toEqual(['002', '003'])
    await log.close()
  })
})

describe('entries stay', () => {
  it.each<[string, number, readonly Uint8Array[]]>([
    ['when they are to be kept for ever', 0, entries],
    ['when they are young', 100, entries],
    ['when one in their bundle is young', 1, entries.slice(0, 256).with(3, leafOf(100_000))],
    ['when one in their bundle tells no time', 1, entries.slice(0, 256).with(3, new TextEncoder().encode('{}'))],
    ['when their bundle is not full', 1, entries.slice(0, 255)],
  ])('%s', async (_, days, leaves) => {
    await written(leaves)
    clock.advance(60 * DAY_MS)
    const before = bundles()
    const { log, telemetry } = await opened(days)
    await log.append(leafOf(0))
    await log.close()
    expect([bundles(), log.size, telemetry.seen.faults]).toEqual([
      leaves.length === 255 ? ['000'] : before,
      leaves.length + 1,
      0,
    ])
  })

  it('when the clock of the machine jumps ahead by a year, until they are old', async () => {
    await written(entries)
    const { log } = await opened(50)
    await looked()
    clock.setWall(START_MS + 365 * DAY_MS)
    daily.advance(DAY_MS)
    expect(daily.pending).toBe(0)
    await looked()
    expect([bundles().length, log.size]).toEqual([4, 1100])
    clock.advance(61 * DAY_MS)
    daily.advance(DAY_MS)
    await looked()
    expect(bundles()).toEqual(['001', '002', '003'])
    await log.close()
  })

  it('when their removal was cut off, and go the next time', async () => {
    await written(entries)
    clock.advance(60 * DAY_MS)
    const publicFiles = createFaultyPublicFiles(place.directory)
    // The record is published, then the first bundle cannot be removed.
    const { log, telemetry } = await opened(1, {
      publicFiles: { ...publicFiles, remove: () => Promise.reject(new Error('EIO')) },
    })
    await expect.poll(() => telemetry.seen.faults).toBe(1)
    expect([bundles().length, log.state(), telemetry.seen.published]).toEqual([4, 'open', [1101]])
    await log.close()
    const again = await opened(1)
    await looked()
    expect(bundles()).toEqual([])
    await again.log.close()
    expect(await verifyEvidenceLog({ directory: place.directory, verifier: nodeVerifier })).toMatchObject({ ok: true })
  })

  it('when the record could not be published, and the log has failed', async () => {
    await written(entries)
    clock.advance(60 * DAY_MS)
    const publicFiles = createFaultyPublicFiles(place.directory)
    publicFiles.failAt(0, 'nothing done')
    const { log } = await opened(1, { publicFiles })
    await expect.poll(() => log.state()).toBe('failed')
    await log.close()
    expect(bundles().length).toBe(4)
  })
})
