import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { addEvidenceCommand } from '../../../core/src/cli/evidence/evidence.ts'
import { openEvidenceReader } from '../../../core/src/setup/evidence/open-evidence-reader.ts'
import { nodeVerifier } from '../../fakes/log-signer.ts'
import {
  createEvidencePlace,
  type EvidencePlace,
  openAt,
  removeEvidencePlaces,
  snapshot,
} from '../../tools/evidence-place.ts'
import { rejectionOf } from '../../tools/refusal.ts'
import { runCommand } from '../../tools/run-command.ts'

afterAll(removeEvidencePlaces)

let place: EvidencePlace
let old: string
beforeEach(() => {
  place = createEvidencePlace()
  old = join(place.folder, 'old')
})

const run = (...args: readonly string[]) =>
  runCommand(addEvidenceCommand, ['evidence', 'new-log', ...args], {
    env: { HOME: place.folder, CAPISCIO_STATE_DIR: place.stateDir },
  })
const newLog = (...args: readonly string[]) => run('--after', old, '--evidence-log', place.directory, ...args)

/** A log with so many records, moved away, its key lost. */
async function lostLog(count: number): Promise<{ readonly origin: string; readonly vkey: string }> {
  const { log } = await openAt(place)
  for (let i = 0; i < count; i++) await log.append(new TextEncoder().encode(`{"entry":${i}}`))
  await log.close()
  const keys = join(place.stateDir, 'log-keys')
  for (const file of readdirSync(keys)) rmSync(join(keys, file))
  expect(await rejectionOf(openAt(place))).toBe('LogDirectoryRefused LOG_KEY_MISSING')
  renameSync(place.directory, old)
  return { origin: log.origin, vkey: log.vkey }
}

describe('evidence new-log', () => {
  it('begins a log of another origin and key with the last checkpoint of the old one, which stays as it is', async () => {
    const { origin, vkey } = await lostLog(3)
    const before = snapshot(old)
    const ran = await newLog('--json')
    expect([ran.code, JSON.parse(ran.stdout)]).toEqual([
      0,
      {
        ...{ ok: true, after: origin, size: 3, directory: place.directory },
        log: expect.not.stringContaining(origin),
        vkey: expect.not.stringContaining(vkey),
      },
    ])
    expect(snapshot(old)).toEqual(before)
    const reader = await openEvidenceReader(place.directory, nodeVerifier)
    expect([reader.size, reader.vkey]).toEqual([1, JSON.parse(ran.stdout).vkey])
    const first = await reader.entries(0, 1)[Symbol.asyncIterator]().next()
    const record = new TextDecoder().decode(first.value?.leaf)
    expect(JSON.parse(record)).toEqual({
      'event.name': 'capiscio.evidence_log_continued',
      'io.capisc.previous_checkpoint': readFileSync(join(old, 'checkpoint'), 'utf8'),
      'io.capisc.previous_vkey': vkey,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
    expect(Object.keys(JSON.parse(record))).toEqual(Object.keys(JSON.parse(record)).sort())
    // And the core goes on with it.
    const { log } = await openAt(place)
    await log.append(new TextEncoder().encode('{"entry":1}'))
    await log.close()
    expect((await newLog()).stderr).toContain('has records already')
  })

  it('says what it made to people', async () => {
    const { origin } = await lostLog(2)
    const { code, stdout } = await newLog()
    expect([code, stdout]).toEqual([0, expect.stringContaining(`after   the 2 records of ${origin}\n`)])
  })

  it('has nothing to go on from in an empty log, or in no log', async () => {
    await lostLog(0)
    const empty = await newLog()
    expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining('there is nothing to go on from')])
    const none = await run('--after', place.folder, '--evidence-log', place.directory)
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('is no evidence log')])
    expect(readdirSync(place.folder)).not.toContain('log')
  })

  it('refuses an old log that is not what was written, and makes nothing', async () => {
    await lostLog(2)
    rmSync(join(old, 'tile'), { recursive: true })
    const { code, stderr } = await newLog()
    expect([code, stderr]).toEqual([3, expect.stringContaining('FILE_MISSING')])
    expect(readdirSync(place.folder)).not.toContain('log')
  })
})
