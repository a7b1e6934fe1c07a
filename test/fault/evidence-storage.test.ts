import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createFaultyFiles, systemError } from '../fakes/faulty-files.ts'
import { checkLog } from '../tools/check-log.ts'
import {
  createEvidencePlace,
  createEvidenceTelemetry,
  openAt,
  removeEvidencePlaces,
  snapshot,
  spawnWriter,
} from '../tools/evidence-place.ts'

afterAll(removeEvidencePlaces)

const bytes = (text: string) => new TextEncoder().encode(text)
const has = (command: string, ...args: string[]) => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const isRoot = process.geteuid?.() === 0
const NOBODY = 65_534

describe('a disk whose sync hangs', () => {
  it('answers nobody, and everybody once it returns', async () => {
    const place = createEvidencePlace()
    const files = createFaultyFiles()
    const { log } = await openAt(place, { files })
    let resume: () => void = () => undefined
    const hanging = new Promise<void>((resolve) => (resume = resolve))
    files.next('datasync', (real) => hanging.then(real))
    const done: number[] = []
    const stored = Array.from({ length: 50 }, async (_, i) => done.push((await log.append(bytes(`{"i":${i}}`))).index))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect([done, log.size, log.state()]).toEqual([[], 0, 'open'])
    resume()
    await Promise.all(stored)
    expect(done).toEqual(Array.from({ length: 50 }, (_, i) => i))
    await log.close()
  })
})

describe.each(['write', 'datasync', 'create', 'syncDirectory'] as const)(
  'a disk whose %s fails once with EIO and then works again',
  (call) => {
    it('fails the log for good: no answer, no second try, and a restart has everything that was answered', async () => {
      const place = createEvidencePlace()
      const files = createFaultyFiles()
      const telemetry = createEvidenceTelemetry()
      const { log } = await openAt(place, {
        files,
        telemetry,
        limits: { batchEntries: 256, batchBytes: 1e6, waitingEntries: 10, segmentBytes: 600 },
      })
      await log.append(bytes('{"answered":0}'))
      await log.append(bytes('{"answered":1}'))
      files.next(call, () => Promise.reject(systemError('EIO')))
      await expect(log.append(bytes('{"failed":1}'))).rejects.toMatchObject({
        name: 'EvidenceUnavailable',
        cause: { code: 'EIO' },
      })
      const calls = { ...files.calls }
      for (let i = 0; i < 5; i++)
        await expect(log.append(bytes('{}'))).rejects.toMatchObject({ name: 'EvidenceUnavailable' })
      expect(files.calls).toEqual(calls)
      expect([log.state(), telemetry.seen.failures]).toEqual(['failed', 1])
      await log.close()

      const again = await openAt(place)
      const { entries } = checkLog(place.directory)
      expect(entries.slice(0, 2)).toEqual([bytes('{"answered":0}'), bytes('{"answered":1}')])
      expect(again.log.size).toBe(entries.length)
      // Bytes whose sync failed may be there; then they were stored again before anything else.
      expect(entries.length).toBe(call === 'datasync' ? 3 : 2)
      await again.log.append(bytes('{"after":1}'))
      await again.log.close()
      expect(checkLog(place.directory).tailBytes).toBe(0)
    })
  },
)

describe('a full disk', () => {
  it('by a short write: denied, then recovered by a restart', async () => {
    const place = createEvidencePlace()
    const files = createFaultyFiles()
    const { log } = await openAt(place, { files })
    await log.append(bytes('{"answered":0}'))
    const journal = join(place.directory, 'journal', '00000000000000000000.wal')
    files.next('write', async (_, batch) => {
      const part = batch?.subarray(0, 100) ?? bytes('')
      writeFileSync(journal, part, { flag: 'a' })
      return part.length
    })
    await expect(log.append(bytes('{"failed":1}'))).rejects.toMatchObject({ name: 'EvidenceUnavailable' })
    await log.close()
    const again = await openAt(place)
    expect([again.quarantinedBytes, again.log.size]).toEqual([100, 1])
    await again.log.close()
    expect(checkLog(place.directory)).toMatchObject({ commits: [1], tailBytes: 0 })
  })

  it.skipIf(!has('prlimit', '--version'))(
    'by a limit on the file size: every later entry is denied, the process lives, nothing is lost',
    async () => {
      const place = createEvidencePlace()
      const writer = spawnWriter(place, [], ['prlimit', '--fsize=60000'])
      await writer.line('open')
      writer.send('load 8')
      await writer.line('denied EvidenceUnavailable')
      writer.send('store later')
      expect(await writer.line('denied EvidenceUnavailable later')).toBeTruthy()
      writer.send('state')
      expect(await writer.line('state')).toBe('state failed')
      writer.send('close')
      expect((await writer.exited).code).toBe(0)
      const stored = writer.lines.filter((line) => line.startsWith('stored')).map((line) => line.split(' '))
      expect(stored.length).toBeGreaterThan(10)

      const { log, quarantinedBytes } = await openAt(place)
      expect(quarantinedBytes).toBeGreaterThan(0)
      await log.append(bytes('{"space":"again"}'))
      await log.close()
      const { entries, tailBytes } = checkLog(place.directory)
      expect(
        stored.filter(([, index, name]) => new TextDecoder().decode(entries[Number(index)]) !== `{"name":"${name}"}`),
      ).toEqual([])
      expect([entries.length, tailBytes]).toEqual([log.size, 0])
    },
  )
})

describe('system calls', () => {
  const strace = has('strace', '-V') && has('strace', '-o', '/dev/null', 'true')
  it.skipIf(!strace)('come in this order: journal write, sync returned, answer', async () => {
    const place = createEvidencePlace()
    const trace = join(place.folder, 'trace')
    const writer = spawnWriter(
      place,
      [],
      ['strace', '-f', '-qq', '-y', '-s', '64', '-e', 'trace=write,fdatasync', '-o', trace],
    )
    await writer.line('open')
    for (let i = 0; i < 20; i++) {
      writer.send(`store number-${i}`)
      await writer.line(`stored ${i}`)
    }
    writer.send('close')
    await writer.exited
    let synced = 0
    let answers = 0
    const syncing = new Set<string>()
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      // Tiles and bundles are synced too, by other threads at the same time.
      const [thread = ''] = line.split(' ')
      if (/fdatasync\(\d+<[^>]*\.wal>/.test(line)) syncing.add(thread)
      if (/fdatasync.*= 0$/.test(line) && syncing.delete(thread)) synced++
      const [, index] = /write\(1<[^>]*>, "stored (\d+) /.exec(line) ?? []
      if (index === undefined) continue
      expect(synced).toBe(Number(index) + 1)
      answers++
    }
    expect([answers, synced]).toEqual([20, 20])
  })
})

describe('files and folders', () => {
  it('are for their owner only, also under umask 000', async () => {
    const place = createEvidencePlace()
    const modes = () =>
      [place.directory, place.stateDir].flatMap((top) => [
        ['', statSync(top).mode & 0o777],
        ...readdirSync(top, { recursive: true, withFileTypes: true }).map((entry) => [
          entry.isDirectory() ? 'directory' : 'file',
          statSync(join(entry.parentPath, entry.name)).mode & 0o777,
        ]),
      ])
    const writer = spawnWriter(place, ['umask=000'])
    await writer.line('open')
    writer.send('store one')
    await writer.line('stored')
    writer.child.kill('SIGKILL')
    await writer.exited
    writeFileSync(join(place.directory, 'journal', '00000000000000000000.wal'), 'torn', { flag: 'a' })
    const second = spawnWriter(place, ['umask=000'])
    await second.line('open')
    second.send('close')
    await second.exited
    const found = modes()
    // Journal, lock, log.json, checkpoint, tile, bundle, quarantined tail, key, whereabouts, remembered head.
    expect(found.filter(([kind]) => kind === 'file').map(([, mode]) => mode)).toEqual(
      Array.from({ length: 10 }, () => 0o600),
    )
    // The two given ones, journal, quarantine, five for tiles, and one for each of the last three.
    expect(found.filter(([kind]) => kind !== 'file').map(([, mode]) => mode)).toEqual(
      Array.from({ length: 12 }, () => 0o700),
    )
  })

  it.skipIf(!isRoot)('of another user are refused, and nothing changes', async () => {
    const place = createEvidencePlace()
    chmodSync(place.folder, 0o755)
    const { log } = await openAt(place)
    await log.close()
    for (const owner of [place.stateDir, place.directory]) {
      chmodSync(owner, 0o755)
      const before = snapshot(place.folder)
      const writer = spawnWriter(place, [`uid=${NOBODY}`])
      const line = await writer.line('refused')
      expect(line).toContain('LOG_WRONG_OWNER')
      expect(line).toContain(`belongs to user 0, and this process runs as user ${NOBODY}`)
      expect((await writer.exited).code).toBe(3)
      expect(snapshot(place.folder)).toEqual(before)
      chownSync(owner, NOBODY, NOBODY)
      for (const entry of readdirSync(owner, { recursive: true })) chownSync(join(owner, String(entry)), NOBODY, NOBODY)
    }
    const writer = spawnWriter(place, [`uid=${NOBODY}`])
    expect(await writer.line('open')).toBe(`open 0 ${place.directory}`)
    writer.send('close')
    expect((await writer.exited).code).toBe(0)
  })

  it.skipIf(!isRoot)('that cannot be made are refused, and nothing changes', async () => {
    const place = createEvidencePlace()
    chmodSync(place.folder, 0o755)
    mkdirSync(place.stateDir, { mode: 0o700 })
    chownSync(place.stateDir, NOBODY, NOBODY)
    const before = snapshot(place.folder)
    const writer = spawnWriter(place, [`uid=${NOBODY}`])
    const line = await writer.line('refused')
    expect(line).toContain('LOG_UNWRITABLE')
    expect(line).toContain(`${place.folder} is not a writable folder`)
    expect((await writer.exited).code).toBe(3)
    expect(snapshot(place.folder)).toEqual(before)
  })
})
