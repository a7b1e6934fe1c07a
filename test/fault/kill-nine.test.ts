import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEvidenceLogs } from '@capiscio/core'
import { CoreService, Outcome } from '@capiscio/proto/core/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { devCredential, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'

const ROUNDS = 20
const CALLERS = 32

interface Answer {
  readonly id: string
  readonly origin: string
  readonly index: number
  readonly leaf: string
}

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-kill-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Calls until the core is gone, and keeps every answer that arrived. */
async function callUntilGone(address: string, badges: readonly string[], answers: Answer[]): Promise<void> {
  using client = createRawClient(address)
  for (let call = 0; ; call += 1) {
    const badge = badges[call % badges.length] ?? ''
    try {
      const { decision } = await client.call(CoreService.method.evaluateToolAccess, {
        toolName: `read_${call}`,
        credential: { case: 'badgeJws', value: badge },
      })
      if (decision === undefined || decision.leafIndex === undefined) throw new Error('An answer without evidence')
      expect(decision.outcome).not.toBe(Outcome.UNSPECIFIED)
      answers.push({
        id: decision.evidenceId,
        origin: decision.logOrigin,
        index: Number(decision.leafIndex),
        leaf: Buffer.from(decision.leaf).toString(),
      })
    } catch (error) {
      if ((error as { code?: number }).code === undefined) throw error
      return
    }
  }
}

describe(`when the core is killed under load, ${ROUNDS} times`, () => {
  it('has every answered decision in its log, at its index, with the same bytes', { timeout: 240_000 }, async () => {
    const answers: Answer[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const core = await startDevCore(folder)
      const badges = await Promise.all(
        ['level-1', 'level-2', 'expired'].map((name) => devCredential(folder, 'badges', `${name}.jwt`)),
      )
      const callers = Array.from({ length: CALLERS }, () => callUntilGone(core.address, badges, answers))
      // A moment of no meaning to the core: somewhere in the middle of its batches.
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 350))
      await core.kill()
      await Promise.all(callers)
    }

    // Starting again must work, and take nothing away.
    const last = await startDevCore(folder)
    await last.stop()

    const logged = new Map<string, string>()
    for await (const { origin, index, leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
      logged.set(`${origin}#${index}`, Buffer.from(leaf).toString())
    }
    const lost = answers.filter(({ origin, index, leaf }) => logged.get(`${origin}#${index}`) !== leaf)
    expect(lost).toEqual([])
    expect(answers.every(({ id, leaf }) => (JSON.parse(leaf) as { id: string }).id === id)).toBe(true)
    // The load must have been real for this to mean something.
    expect(answers.length).toBeGreaterThan(ROUNDS * CALLERS)
    expect(new Set(answers.map(({ origin }) => origin)).size).toBe(1)
  })
})
