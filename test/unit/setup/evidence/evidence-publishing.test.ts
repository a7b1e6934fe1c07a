import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { GRACE_MS } from '../../../../core/src/domain/evidence/partial-files.ts'
import { GATHER_MS } from '../../../../core/src/domain/evidence/publisher.ts'
import { createFaultyPublicFiles } from '../../../fakes/faulty-public-files.ts'
import { createManualTimer, type ManualTimer } from '../../../fakes/manual-timer.ts'
import { advanceUntil } from '../../../tools/advance-until.ts'
import { checkLog } from '../../../tools/check-log.ts'
import {
  createEvidencePlace,
  createEvidenceTelemetry,
  type EvidencePlace,
  openAt,
  removeEvidencePlaces,
} from '../../../tools/evidence-place.ts'

afterAll(removeEvidencePlaces)

const leafOf = (i: number) => new TextEncoder().encode(`{"entry":${i}}`)
const LIMITS = { batchEntries: 256, batchBytes: 1e6, waitingEntries: 4096 }

let place: EvidencePlace
let timer: ManualTimer
beforeEach(() => {
  place = createEvidencePlace()
  timer = createManualTimer()
})

async function opened(options: Parameters<typeof openAt>[1] = {}) {
  const telemetry = createEvidenceTelemetry()
  const { log, reader } = await openAt(place, { timer, telemetry, ...options })
  let next = log.size
  return {
    log,
    reader,
    telemetry,
    append: async (count: number) =>
      void (await Promise.all(Array.from({ length: count }, () => log.append(leafOf(next++))))),
  }
}
const checkpointSize = () => {
  const path = join(place.directory, 'checkpoint')
  return existsSync(path) ? Number(readFileSync(path, 'utf8').split('\n')[1]) : 0
}
/** Lets the publication that is due happen. */
async function publish(telemetry: ReturnType<typeof createEvidenceTelemetry>): Promise<void> {
  const before = telemetry.seen.published.length
  await advanceUntil(timer, GATHER_MS, () => telemetry.seen.published.length > before)
  expect(telemetry.seen.published.length).toBe(before + 1)
}
const partials = () =>
  readdirSync(join(place.directory, 'tile'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.endsWith('.p'))
    .map((entry) => join(entry.parentPath, entry.name).slice(place.directory.length + 1))
    .sort()

describe('publishing', () => {
  it('gathers commits for a quarter of a second and publishes them together', async () => {
    const { append, log, telemetry } = await opened()
    await append(1)
    timer.advance(GATHER_MS - 1)
    await append(2)
    expect(checkpointSize()).toBe(0)
    timer.advance(1)
    await expect.poll(() => telemetry.seen.published).toEqual([3])
    expect(checkLog(place.directory)).toMatchObject({ publishedSize: 3 })
    await append(1)
    await publish(telemetry)
    expect(checkLog(place.directory)).toMatchObject({ publishedSize: 4 })
    await log.close()
  })

  it.each([1, 255, 256, 257, 513])('of %i entries writes exactly the files that the size implies', async (size) => {
    const { append, log } = await opened()
    await append(size)
    await log.close()
    const checked = checkLog(place.directory)
    expect([checked.publishedSize, checked.spareFiles]).toEqual([size, []])
  })

  it('never makes a decision wait', async () => {
    const publicFiles = createFaultyPublicFiles(place.directory)
    const { append, log, telemetry } = await opened({ publicFiles })
    let resume = (): void => {}
    publicFiles.holdNext(new Promise((resolve) => (resume = resolve)), 'createSynced')
    await append(1)
    timer.advance(GATHER_MS)
    await expect.poll(() => publicFiles.calls.at(-1)).toBe('createSynced tile/entries/000.p/1.tmp')
    await append(500)
    expect([log.size, telemetry.seen.published]).toEqual([501, []])
    resume()
    await expect.poll(() => telemetry.seen.published).toEqual([1])
    await publish(telemetry)
    expect(telemetry.seen.published).toEqual([1, 501])
    await log.close()
  })

  it('makes every file durable before the checkpoint promises it', async () => {
    const publicFiles = createFaultyPublicFiles(place.directory)
    const { append, log } = await opened({ publicFiles })
    const { calls } = publicFiles
    // That of the empty log, and its folder.
    calls.length = 0
    await append(300)
    await log.close()
    const checkpoint = calls.indexOf('rename checkpoint')
    const renames = calls.filter((call) => call.startsWith('rename tile'))
    expect(renames.sort()).toEqual([
      'rename tile/0/000',
      'rename tile/0/001.p/44',
      'rename tile/1/000.p/1',
      'rename tile/entries/000',
      'rename tile/entries/001.p/44',
    ])
    for (const rename of renames) {
      const path = rename.slice('rename '.length)
      expect(calls.indexOf(`createSynced ${path}.tmp`)).toBeLessThan(calls.indexOf(rename))
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
        const synced = calls.lastIndexOf(`syncDirectory ${folder}`, checkpoint)
        expect([folder, synced > calls.indexOf(rename) && synced < checkpoint]).toEqual([folder, true])
      }
    }
    expect(calls.lastIndexOf(`syncDirectory ${place.directory}`)).toBeGreaterThan(checkpoint)
  })

  it('happens at a graceful stop, and a start after it has nothing to do', async () => {
    const first = await opened()
    await first.append(3)
    await first.log.close()
    expect(checkpointSize()).toBe(3)
    const publicFiles = createFaultyPublicFiles(place.directory)
    const second = await opened({ publicFiles })
    expect(publicFiles.calls).toEqual([])
    await second.log.close()
    expect(publicFiles.calls).toEqual([])
  })
})

describe('a public file operation that fails', () => {
  /** Entries around a tile boundary, so that every kind of file is written. */
  async function until(failAt: number, effect: 'nothing done' | 'all done') {
    place = createEvidencePlace()
    timer = createManualTimer()
    const first = await opened()
    await first.append(250)
    await first.log.close()
    const publicFiles = createFaultyPublicFiles(place.directory)
    const second = await opened({ publicFiles })
    await second.append(10)
    publicFiles.failAt(failAt, effect)
    timer.advance(GATHER_MS)
    return { ...second, publicFiles }
  }

  it('fails the log for good at each of them, and a restart publishes everything', { timeout: 60_000 }, async () => {
    const whole = await until(Number.POSITIVE_INFINITY, 'nothing done')
    await expect.poll(() => whole.telemetry.seen.published).toEqual([260])
    const operations = whole.publicFiles.calls.length
    await whole.log.close()
    expect(operations).toBeGreaterThan(20)

    for (let n = 0; n < operations; n++) {
      for (const effect of ['nothing done', 'all done'] as const) {
        const { log, telemetry, publicFiles } = await until(n, effect)
        await expect.poll(() => log.state()).toBe('failed')
        expect(telemetry.seen.failures).toBe(1)
        const calls = publicFiles.calls.length
        await expect(log.append(leafOf(0))).rejects.toMatchObject({
          name: 'EvidenceUnavailable',
          cause: { code: 'EIO' },
        })
        timer.advance(GRACE_MS)
        await log.close()
        expect(publicFiles.calls.length).toBe(calls)
        // Tiles or the old checkpoint: never a checkpoint without its files.
        expect([250, 260]).toContain(checkLog(place.directory).publishedSize)

        const again = await opened()
        const checked = checkLog(place.directory)
        expect([checked.entries.length, checked.publishedSize]).toEqual([260, 260])
        await again.log.close()
      }
    }
  })

  it('when it is a removal is reported and stops nothing', async () => {
    const publicFiles = createFaultyPublicFiles(place.directory)
    const { append, log, telemetry } = await opened({ publicFiles })
    await append(1)
    await publish(telemetry)
    await append(1)
    await publish(telemetry)
    publicFiles.failAt(0, 'nothing done')
    timer.advance(GRACE_MS)
    await expect.poll(() => telemetry.seen.faults).toBe(1)
    await append(1)
    await publish(telemetry)
    expect([log.state(), checkpointSize()]).toEqual(['open', 3])
    await log.close()
  })
})

describe('a published checkpoint that somebody else replaced', () => {
  it.each<[string, (path: string, bytes: Buffer) => void]>([
    ['by the same bytes in another file', (path, bytes) => writeFileSync(path, bytes)],
    ['by an older one', (path) => writeFileSync(path, 'older')],
  ])('%s stops the log before anything is signed', async (_, replace) => {
    const { append, log, telemetry } = await opened()
    await append(1)
    await publish(telemetry)
    const path = join(place.directory, 'checkpoint')
    replace(path, readFileSync(path))
    await expect(log.append(leafOf(1))).rejects.toMatchObject({ cause: { code: 'CHECKPOINT_REPLACED' } })
    expect([log.state(), log.size]).toEqual(['failed', 1])
    expect(checkLogSizes()).toEqual([1])
    await log.close()
  })

  it('stops the publisher before it writes over it', async () => {
    const { append, log, telemetry } = await opened()
    await append(1)
    await publish(telemetry)
    await append(1)
    writeFileSync(join(place.directory, 'checkpoint'), 'somebody else')
    timer.advance(GATHER_MS)
    await expect.poll(() => log.state()).toBe('failed')
    expect(readFileSync(join(place.directory, 'checkpoint'), 'utf8')).toBe('somebody else')
    await log.close()
  })

  /** Sizes of the commits in the journal. */
  function checkLogSizes(): readonly number[] {
    const journal = readFileSync(join(place.directory, 'journal', '00000000000000000000.wal'), 'latin1')
    return [...journal.matchAll(/capiscio\.local\/[0-9a-f]{16}\n(\d+)\n/g)].map(([, size]) => Number(size))
  }
})

describe('journal files', () => {
  const journal = () => readdirSync(join(place.directory, 'journal')).map((name) => Number(name.slice(0, 20)))

  it('go when a published checkpoint covers them, and the newest stays', async () => {
    const { append, log, telemetry } = await opened({ limits: { ...LIMITS, segmentBytes: 1000 } })
    for (let i = 0; i < 12; i++) await append(1)
    const segments = journal()
    expect(segments.length).toBeGreaterThan(2)
    await publish(telemetry)
    await expect.poll(journal).toEqual(segments.slice(-1))
    await append(1)
    expect(journal()[0]).toBe(segments.at(-1))
    await log.close()
    const again = await opened()
    expect(again.log.size).toBe(13)
    await again.log.close()
    expect(checkLog(place.directory).entries).toEqual(Array.from({ length: 13 }, (_, i) => leafOf(i)))
  })

  it('stay while nothing is published', async () => {
    const { append, log } = await opened({ limits: { ...LIMITS, segmentBytes: 1000 } })
    for (let i = 0; i < 12; i++) await append(1)
    expect(journal()[0]).toBe(0)
    await log.close()
  })
})

describe('partial files', () => {
  it('go a minute after a later checkpoint, not before, and those of the newest stay', async () => {
    const { append, log, telemetry } = await opened()
    await append(3)
    await publish(telemetry)
    await append(3)
    await publish(telemetry)
    const both = ['tile/0/000.p/3', 'tile/0/000.p/6', 'tile/entries/000.p/3', 'tile/entries/000.p/6']
    expect(partials()).toEqual(both)
    timer.advance(GRACE_MS - 1)
    await append(0)
    expect(partials()).toEqual(both)
    timer.advance(1)
    await expect.poll(partials).toEqual(['tile/0/000.p/6', 'tile/entries/000.p/6'])
    await append(250)
    await publish(telemetry)
    timer.advance(GRACE_MS)
    await expect.poll(partials).toEqual(['tile/1/000.p/1'])
    await expect.poll(() => existsSync(join(place.directory, 'tile/0/000.p'))).toBe(false)
    await log.close()
    expect(checkLog(place.directory)).toMatchObject({ publishedSize: 256, spareFiles: [] })
  })

  it('of earlier processes go too, with what their interrupted writes left', async () => {
    const first = await opened()
    await first.append(3)
    await first.log.close()
    const second = await opened()
    await second.append(3)
    await second.log.close()
    mkdirSync(join(place.directory, 'tile/5/000.p'), { recursive: true })
    writeFileSync(join(place.directory, 'tile/5/000.p/9'), 'x')
    writeFileSync(join(place.directory, 'tile/0/001.0123456789abcdef.tmp'), 'half')
    writeFileSync(join(place.directory, 'checkpoint.0123456789abcdef.tmp'), 'half')
    writeFileSync(join(place.directory, 'tile/0/777'), 'full files are never removed')
    const third = await opened()
    timer.advance(GRACE_MS)
    await expect.poll(partials).toEqual(['tile/0/000.p/6', 'tile/entries/000.p/6'])
    await expect.poll(() => existsSync(join(place.directory, 'tile/0/001.0123456789abcdef.tmp'))).toBe(false)
    expect(existsSync(join(place.directory, 'checkpoint.0123456789abcdef.tmp'))).toBe(false)
    expect(existsSync(join(place.directory, 'tile/0/777'))).toBe(true)
    await third.log.close()
  })

  it('that a publication under way needs, or the checkpoint before it, are not tidied away', async () => {
    const publicFiles = createFaultyPublicFiles(place.directory)
    const { append, log, telemetry } = await opened({ publicFiles })
    await append(3)
    await publish(telemetry)
    await append(3)
    let resume = (): void => {}
    publicFiles.holdNext(new Promise((resolve) => (resume = resolve)), 'rename')
    const tidied = join(place.directory, 'tile/0/000.p/2')
    writeFileSync(tidied, 'x')
    timer.advance(GATHER_MS)
    await expect.poll(() => publicFiles.calls.at(-1)).toBe('rename tile/entries/000.p/6')
    timer.advance(GRACE_MS)
    await expect.poll(() => existsSync(tidied)).toBe(false)
    expect(partials().filter((path) => /\/\d+$/.test(path))).toEqual(['tile/0/000.p/3', 'tile/entries/000.p/3'])
    resume()
    await expect.poll(() => telemetry.seen.published.at(-1)).toBe(6)
    await log.close()
    expect(checkLog(place.directory).publishedSize).toBe(6)
  })

  it('stay for ever in a log that nobody writes: a stopped log removes nothing', async () => {
    const { append, log, telemetry } = await opened()
    await append(3)
    await publish(telemetry)
    await append(3)
    await publish(telemetry)
    await log.close()
    timer.advance(GRACE_MS)
    expect([partials().length, timer.pending]).toEqual([4, 0])
  })
})
