import { afterAll, describe, expect, it } from 'vitest'
import { checkLog } from '../tools/check-log.ts'
import { createEvidencePlace, openAt, removeEvidencePlaces, spawnWriter } from '../tools/evidence-place.ts'

afterAll(removeEvidencePlaces)

const ROUNDS = 20
const CALLERS = 32

describe(`a writer that is killed under load, ${ROUNDS} times`, () => {
  it('loses nothing that it answered', { timeout: 120_000 }, async () => {
    const place = createEvidencePlace()
    const answered = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round++) {
      const writer = spawnWriter(place)
      await writer.line('open')
      writer.send(`load ${CALLERS}`)
      // Anywhere between two batches or in the middle of one.
      await writer.line('stored')
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200))
      writer.child.kill('SIGKILL')
      await writer.exited
      for (const line of writer.lines) {
        const [word, index, name] = line.split(' ')
        if (word !== 'stored') continue
        expect(answered.has(Number(index))).toBe(false)
        answered.set(Number(index), `{"name":"${name}"}`)
      }
    }
    const { log } = await openAt(place)
    await log.close()
    const { entries, tailBytes } = checkLog(place.directory)
    const lost = [...answered].filter(([index, text]) => new TextDecoder().decode(entries[index]) !== text)
    expect(lost).toEqual([])
    expect(tailBytes).toBe(0)
    expect(log.size).toBe(entries.length)
    // The load must have been real for this to mean something.
    expect(answered.size).toBeGreaterThan(ROUNDS * CALLERS)
  })
})
