import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkLog } from '../tools/check-log.ts'
import { createEvidencePlace, openAt, removeEvidencePlaces, snapshot, spawnWriter } from '../tools/evidence-place.ts'

afterAll(removeEvidencePlaces)

const RACERS = 20

/** Starts them all at once and waits until each is open or gone. */
async function race(args: readonly string[] = []) {
  const place = createEvidencePlace()
  const writers = Array.from({ length: RACERS }, () => spawnWriter(place, args))
  const outcomes = await Promise.all(writers.map((writer) => writer.line('').then((line) => line.split(' '))))
  return { place, writers, outcomes }
}

describe('twenty processes that start at once', () => {
  it('on one folder: exactly one gets it, the others say why and end', async () => {
    const { place, writers, outcomes } = await race()
    expect(outcomes.filter(([word]) => word === 'open').length).toBe(1)
    expect(outcomes.filter(([word]) => word === 'refused').map(([, name, code]) => `${name} ${code}`)).toEqual(
      Array.from({ length: RACERS - 1 }, () => 'LogDirectoryRefused LOG_LOCKED'),
    )
    const winner = writers[outcomes.findIndex(([word]) => word === 'open')]
    for (const writer of writers) if (writer !== winner) expect((await writer.exited).code).toBe(3)
    winner?.send('store after')
    expect(await winner?.line('stored')).toBe('stored 0 after')
    winner?.send('close')
    expect((await winner?.exited)?.code).toBe(0)
    expect(checkLog(place.directory).entries.length).toBe(1)
    expect(readdirSync(join(place.stateDir, 'log-keys')).length).toBe(1)
  })

  it('on one root: each gets a log of its own', async () => {
    const { place, writers, outcomes } = await race(['root'])
    expect(outcomes.map(([word]) => word)).toEqual(Array.from({ length: RACERS }, () => 'open'))
    expect(new Set(outcomes.map(([, , directory]) => directory)).size).toBe(RACERS)
    for (const writer of writers) writer.send('close')
    for (const writer of writers) expect((await writer.exited).code).toBe(0)
    expect(readdirSync(join(place.root, 'logs')).length).toBe(RACERS)
  })
})

describe('a folder that another process writes', () => {
  it('is refused within a second, by another process and by this one, and nothing changes', async () => {
    const place = createEvidencePlace()
    const holder = spawnWriter(place)
    await holder.line('open')
    holder.send('store one')
    await holder.line('stored')
    // The holder publishes on its own, a moment later.
    const published = join(place.folder, 'log', 'checkpoint')
    await expect.poll(() => readFileSync(published, 'utf8').split('\n')[1], { timeout: 10_000 }).toBe('1')
    const before = snapshot(place.folder)

    const started = performance.now()
    await expect(openAt(place)).rejects.toMatchObject({ code: 'LOG_LOCKED' })
    expect(performance.now() - started).toBeLessThan(1000)
    const second = spawnWriter(place)
    expect(await second.line('refused')).toContain('LOG_LOCKED')
    expect((await second.exited).code).toBe(3)
    expect(snapshot(place.folder)).toEqual(before)

    holder.send('store two')
    expect(await holder.line('stored 1')).toBe('stored 1 two')
    holder.send('close')
    await holder.exited
  })

  it('is free as soon as that process is killed, and holds what was answered', async () => {
    const place = createEvidencePlace()
    for (let round = 0; round < 5; round++) {
      const holder = spawnWriter(place)
      expect(await holder.line('open')).toBe(`open ${round} ${place.directory}`)
      holder.send(`store round-${round}`)
      await holder.line('stored')
      holder.child.kill('SIGKILL')
      expect((await holder.exited).signal).toBe('SIGKILL')
    }
    const { log } = await openAt(place)
    expect(log.size).toBe(5)
    await log.close()
    expect(existsSync(join(place.directory, 'quarantine'))).toBe(false)
  })
})
