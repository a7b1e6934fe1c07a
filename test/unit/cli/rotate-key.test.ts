import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { addEvidenceCommand } from '../../../core/src/cli/evidence/evidence.ts'
import { createEvidencePlace, type EvidencePlace, openAt, removeEvidencePlaces } from '../../tools/evidence-place.ts'
import { runCommand } from '../../tools/run-command.ts'

afterAll(removeEvidencePlaces)

let place: EvidencePlace
beforeEach(() => {
  place = createEvidencePlace()
})

const run = (...args: readonly string[]) =>
  runCommand(addEvidenceCommand, ['evidence', 'rotate-key', ...args], {
    env: { HOME: place.folder, CAPISCIO_STATE_DIR: place.stateDir },
  })

async function written(location: { root: string } | { directory: string }): Promise<{ vkey: string; origin: string }> {
  const { log } = await openAt(place, { location })
  await log.append(new TextEncoder().encode('{"entry":0}'))
  await log.close()
  return { vkey: log.vkey, origin: log.origin }
}

describe('evidence rotate-key', () => {
  it('gives the one log under a root a new key, which signs from the next start on', async () => {
    const { vkey, origin } = await written({ root: place.root })
    const { code, stdout } = await run('--root', place.root, '--overlap-days', '3', '--json')
    const shown = JSON.parse(stdout)
    expect([code, shown]).toEqual([0, { ok: true, log: origin, oldVkey: vkey, newVkey: shown.newVkey, overlapDays: 3 }])
    expect(shown.newVkey).not.toBe(vkey)
    expect((await written({ root: place.root })).vkey).toBe(shown.newVkey)
  })

  it('says what it did to people', async () => {
    const { vkey } = await written({ directory: place.directory })
    const { code, stdout } = await run('--evidence-log', place.directory)
    expect([code, stdout]).toEqual([0, expect.stringContaining(vkey)])
    expect(stdout).toContain('7 days')
  })

  it('refuses a log that is being written', async () => {
    await written({ directory: place.directory })
    const { log } = await openAt(place)
    const { code, stdout } = await run('--evidence-log', place.directory, '--json')
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { ok: false, code: 'LOG_LOCKED' }])
    await log.close()
  })

  it('refuses to rotate twice within the overlap', async () => {
    await written({ directory: place.directory })
    await run('--evidence-log', place.directory)
    const { code, stdout } = await run('--evidence-log', place.directory, '--json')
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { code: 'LOG_KEY_ROTATING' }])
    // The refused command gave the lock back.
    await written({ directory: place.directory })
  })

  it('refuses to choose between logs, and an overlap that is no number', async () => {
    const [one, two] = [
      await openAt(place, { location: { root: place.root } }),
      await openAt(place, { location: { root: place.root } }),
    ]
    await one.log.close()
    await two.log.close()
    expect(await run('--root', place.root)).toMatchObject({ code: 1, stderr: expect.stringContaining('several logs') })
    expect((await run('--root', place.root, '--log', one.log.origin)).code).toBe(0)
    for (const days of ['-1', '1.5', 'soon', '10000']) {
      const { code, stderr } = await run('--root', place.root, '--log', two.log.origin, `--overlap-days=${days}`)
      expect([code, stderr]).toEqual([1, expect.stringContaining('whole number')])
    }
  })

  it('refuses a log that is not what was written, with exit code 3', async () => {
    await written({ directory: place.directory })
    const { writeFileSync } = await import('node:fs')
    writeFileSync(`${place.directory}/tile/entries/000.p/1`, 'x')
    expect((await run('--evidence-log', place.directory)).code).toBe(3)
  })
})
