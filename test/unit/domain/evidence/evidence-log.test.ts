import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvidenceOverloaded, EvidenceUnavailable } from '../../../../core/src/domain/evidence/evidence-errors.ts'
import { createEvidenceLog, EVIDENCE_LOG_LIMITS } from '../../../../core/src/domain/evidence/evidence-log.ts'
import { entryFrameBytes } from '../../../../core/src/domain/evidence/frame.ts'
import { EMPTY_EDGE } from '../../../../core/src/domain/evidence/merkle.ts'
import type { Journal } from '../../../../core/src/ports/journal.ts'
import { createFaultyJournal, type FaultPlan, LEFTOVERS, type Leftover } from '../../../fakes/faulty-journal.ts'
import { createLogSigner } from '../../../fakes/log-signer.ts'
import { createMemoryJournal } from '../../../fakes/memory-journal.ts'
import { checkAcknowledged, createRecorder, entry, recover, signer, startLog, vkey } from './test-log.ts'
import { example, utf8 } from './worked-example.ts'

/** A journal whose syncs a test lets through one by one. */
function gated(journal: Journal) {
  const waiting: (() => void)[] = []
  let appends = 0
  return {
    get appends() {
      return appends
    },
    get blocked() {
      return waiting.length
    },
    release: () => waiting.shift()?.(),
    journal: {
      ...journal,
      async append(bytes: Uint8Array) {
        appends++
        await new Promise<void>((resolve) => waiting.push(resolve))
        await journal.append(bytes)
      },
    },
  }
}

/** Lets everything that can run without a sync run. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

async function startGated(limits = {}) {
  const disk = createMemoryJournal()
  let gate = gated(disk.open())
  const started = await startLog(disk, {
    limits,
    wrap: (journal) => {
      gate = gated(journal)
      return gate.journal
    },
  })
  return { disk, gate, ...started }
}

/** Watches a promise without waiting for it. */
function watch<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: unknown; done: boolean } = { done: false }
  promise.then(
    (value) => Object.assign(seen, { value, done: true }),
    (error: unknown) => Object.assign(seen, { error, done: true }),
  )
  return seen
}

describe('a log', () => {
  it('gives every entry the next index and stores it under a signed checkpoint before it answers', async () => {
    const disk = createMemoryJournal()
    const { log, telemetry } = await startLog(disk)
    expect([log.origin, log.vkey, log.size, log.state()]).toEqual([example.origin, vkey, 0, 'open'])
    const acknowledged = new Map<number, Uint8Array>()
    for (let i = 0; i < 5; i++) {
      const { index } = await log.append(entry(i))
      expect(index).toBe(i)
      acknowledged.set(index, entry(i))
      expect(log.size).toBe(i + 1)
      checkAcknowledged(disk, acknowledged)
    }
    expect(telemetry.commits.map(({ records }) => records)).toEqual([1, 1, 1, 1, 1])
    await log.close()
  })

  it('writes the journal of the worked example', async () => {
    const disk = createMemoryJournal()
    const { log } = await startLog(disk)
    for (const { text } of example.entries) await log.append(utf8(text))
    const journal = Buffer.from(disk.stored[0]?.bytes ?? [])
    for (const { note } of example.checkpoints) expect(journal.includes(note)).toBe(true)
  })

  it('goes on after a restart', async () => {
    const disk = createMemoryJournal()
    const first = await startLog(disk)
    await first.log.append(entry(0))
    await first.log.close()
    const second = await startLog(disk)
    expect(second.log.size).toBe(1)
    expect(await second.log.append(entry(1))).toEqual({ index: 1 })
    expect(
      checkAcknowledged(
        disk,
        new Map([
          [0, entry(0)],
          [1, entry(1)],
        ]),
      ).commits,
    ).toEqual([1, 2])
  })

  it('stores the bytes as they were when append was called', async () => {
    const disk = createMemoryJournal()
    const { log } = await startLog(disk)
    const leaf = entry('before').slice()
    const stored = log.append(leaf)
    leaf.fill(0)
    await stored
    checkAcknowledged(disk, new Map([[0, entry('before')]]))
  })

  it('takes entries of 1 to 65535 bytes and no others', async () => {
    const { log } = await startLog(createMemoryJournal())
    await expect(log.append(new Uint8Array(0))).rejects.toBeInstanceOf(RangeError)
    await expect(log.append(new Uint8Array(65_536))).rejects.toBeInstanceOf(RangeError)
    expect(await log.append(new Uint8Array(65_535))).toEqual({ index: 0 })
    expect(await log.append(new Uint8Array(1))).toEqual({ index: 1 })
    expect(log.state()).toBe('open')
  })

  it('measures commits with the monotonic clock, and does not care when it jumps', async () => {
    const readings = [5, 8, 1e12, 1e12 + 1, 0, 0]
    const { log, telemetry } = await startLog(createMemoryJournal(), {
      clock: { monotonicMs: () => readings.shift() ?? 0 },
    })
    for (let i = 0; i < 3; i++) expect(await log.append(entry(i))).toEqual({ index: i })
    expect(telemetry.commits.map(({ durationMs }) => durationMs)).toEqual([3, 1, 0])
  })

  it('cannot have an origin that is no key name', () => {
    const options = {
      journal: createMemoryJournal().open(),
      signer,
      recovered: { tree: EMPTY_EDGE, checkpoint: undefined, newestSegmentBytes: undefined },
      telemetry: createRecorder(),
      clock: { monotonicMs: () => 0 },
    }
    expect(() => createEvidenceLog({ ...options, origin: 'a b' })).toThrow(TypeError)
  })
})

describe('while a sync runs', () => {
  it('nobody is answered', async () => {
    const { log, gate, disk } = await startGated()
    const seen = Array.from({ length: 10 }, (_, i) => watch(log.append(entry(i))))
    for (let turn = 0; turn < 100; turn++) await settle()
    expect(seen.filter(({ done }) => done)).toEqual([])
    expect([log.size, disk.stored[0]?.bytes.length]).toEqual([0, 0])
    gate.release()
    await settle()
    expect(seen.map(({ value }) => value?.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(log.size).toBe(10)
  })

  it('everything that arrives forms the next batch: two syncs for any number', async () => {
    const { log, gate, disk, telemetry } = await startGated()
    const first = log.append(entry(0))
    await settle()
    expect(gate.appends).toBe(1)
    const rest: Promise<{ index: number }>[] = []
    for (let i = 1; i <= 200; i++) {
      rest.push(log.append(entry(i)))
      if (i % 50 === 0) await settle()
    }
    expect(gate.appends).toBe(1)
    gate.release()
    expect(await first).toEqual({ index: 0 })
    await settle()
    expect(gate.appends).toBe(2)
    gate.release()
    expect((await Promise.all(rest)).map(({ index }) => index)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    expect(gate.appends).toBe(2)
    expect(telemetry.commits.map(({ records }) => records)).toEqual([1, 200])
    expect(checkAcknowledged(disk, new Map()).commits).toEqual([1, 201])
  })

  it('entries of one turn of the event loop share the first sync', async () => {
    const { log, telemetry } = await startLog(createMemoryJournal())
    await Promise.all([log.append(entry(0)), log.append(entry(1)), log.append(entry(2))])
    expect(telemetry.commits.map(({ records }) => records)).toEqual([3])
  })

  it('an entry that follows an answer at once is not forgotten', async () => {
    const { log } = await startLog(createMemoryJournal())
    const chain = async (): Promise<number> => {
      let index = 0
      for (let i = 0; i < 50; i++) index = await log.append(entry(i)).then((stored) => stored.index)
      return index
    }
    expect(await Promise.all([chain(), chain()])).toEqual([98, 99])
  })

  it('a batch has at most 256 entries', async () => {
    const { log, telemetry } = await startLog(createMemoryJournal())
    await Promise.all(Array.from({ length: 600 }, (_, i) => log.append(entry(i))))
    expect(telemetry.commits.map(({ records }) => records)).toEqual([256, 256, 88])
  })

  it('a batch has at most 1 MiB of entries', async () => {
    const { log, telemetry } = await startLog(createMemoryJournal())
    const leaf = new Uint8Array(65_000).fill(0x78)
    await Promise.all(Array.from({ length: 33 }, () => log.append(leaf)))
    const fitting = Math.floor((1024 * 1024) / entryFrameBytes(leaf))
    expect(telemetry.commits.map(({ records }) => records)).toEqual([fitting, fitting, 33 - 2 * fitting])
  })

  it('a batch may have one entry at most, and has one where not even that fits', async () => {
    for (const limits of [{ batchEntries: 1 }, { batchBytes: 1 }]) {
      const { log, telemetry } = await startLog(createMemoryJournal(), { limits })
      const stored = await Promise.all(Array.from({ length: 5 }, (_, i) => log.append(entry(i))))
      expect(stored.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
      expect(telemetry.commits.map(({ records }) => records)).toEqual([1, 1, 1, 1, 1])
    }
  })

  it('4096 may wait; the next one is refused at once and can be tried again later', async () => {
    const { log, gate, disk } = await startGated()
    const flying = log.append(entry('flying'))
    await settle()
    const waiting = Array.from({ length: 4096 }, (_, i) => log.append(entry(i)))
    await expect(log.append(entry('too many'))).rejects.toBeInstanceOf(EvidenceOverloaded)
    expect(log.state()).toBe('open')
    const open = setInterval(() => gate.release(), 0)
    expect(await flying).toEqual({ index: 0 })
    expect((await Promise.all(waiting)).at(-1)).toEqual({ index: 4096 })
    expect(await log.append(entry('again'))).toEqual({ index: 4097 })
    clearInterval(open)
    expect(gate.appends).toBe(18)
    const stored = checkAcknowledged(
      disk,
      new Map([
        [0, entry('flying')],
        [4096, entry(4095)],
        [4097, entry('again')],
      ]),
    )
    expect(stored.entries.length).toBe(4098)
  })
})

describe('segments', () => {
  it('change at the limit, and a batch is never split', async () => {
    const disk = createMemoryJournal()
    const { log } = await startLog(disk, { limits: { segmentBytes: 1000 } })
    for (let i = 0; i < 20; i++) await log.append(entry(i))
    expect(disk.stored.length).toBeGreaterThan(3)
    for (const { bytes } of disk.stored) expect(bytes.length).toBeLessThanOrEqual(1000)
    const [first, second] = disk.stored
    expect(second?.firstIndex).toBe(
      checkAcknowledged(createMemoryJournal(first ? [first] : []), new Map()).entries.length,
    )
    expect(checkAcknowledged(disk, new Map()).entries.length).toBe(20)
    expect((await recover(disk.segments())).tree.size).toBe(20)
  })

  it('are gone on with after a restart, exactly up to the limit', async () => {
    const disk = createMemoryJournal()
    const first = await startLog(disk)
    await first.log.append(entry(0))
    const size = disk.stored[0]?.bytes.length ?? 0
    const second = await startLog(disk, { limits: { segmentBytes: 2 * size } })
    await second.log.append(entry(1))
    expect(disk.stored.map(({ bytes }) => bytes.length)).toEqual([2 * size])
    await second.log.append(entry(2))
    expect(disk.stored.map(({ firstIndex }) => firstIndex)).toEqual([0, 2])
  })

  it('hold a batch that is larger than the limit alone', async () => {
    const disk = createMemoryJournal()
    const { log } = await startLog(disk, { limits: { segmentBytes: 10 } })
    for (let i = 0; i < 3; i++) await log.append(entry(i))
    expect(disk.stored.map(({ firstIndex }) => firstIndex)).toEqual([0, 1, 2])
  })

  it('are gone on with when the newest is empty, even by a batch that is larger than the limit', async () => {
    const disk = createMemoryJournal([{ firstIndex: 0, bytes: new Uint8Array(0) }])
    const { log } = await startLog(disk, { limits: { segmentBytes: 10 } })
    expect(await log.append(entry(0))).toEqual({ index: 0 })
    expect(disk.stored.map(({ firstIndex }) => firstIndex)).toEqual([0])
  })

  it('have a limit of 64 MiB', () => {
    expect(EVIDENCE_LOG_LIMITS).toEqual({
      batchEntries: 256,
      batchBytes: 1_048_576,
      waitingEntries: 4096,
      segmentBytes: 67_108_864,
    })
  })
})

describe('closing', () => {
  it('stores what was accepted, refuses what comes later, and releases the journal once', async () => {
    const calls: string[] = []
    const disk = createMemoryJournal()
    const { log } = await startLog(disk, {
      wrap: (journal) => ({
        ...journal,
        append: (bytes) => {
          calls.push('append')
          return journal.append(bytes)
        },
        close: () => {
          calls.push('close')
          return journal.close()
        },
      }),
    })
    const accepted = Array.from({ length: 300 }, (_, i) => log.append(entry(i)))
    const closing = log.close()
    expect(log.state()).toBe('closing')
    await expect(log.append(entry('late'))).rejects.toBeInstanceOf(EvidenceUnavailable)
    await closing
    await log.close()
    expect((await Promise.all(accepted)).length).toBe(300)
    expect(calls).toEqual(['append', 'append', 'close'])
    expect([log.state(), log.size]).toEqual(['closed', 300])
    expect(checkAcknowledged(disk, new Map()).entries.length).toBe(300)
    await expect(log.append(entry('late'))).rejects.toBeInstanceOf(EvidenceUnavailable)
  })

  it('waits for the sync that runs', async () => {
    const { log, gate } = await startGated()
    const stored = log.append(entry(0))
    await settle()
    const closing = watch(log.close())
    await settle()
    expect(closing.done).toBe(false)
    gate.release()
    expect(await stored).toEqual({ index: 0 })
    await settle()
    expect(closing.done).toBe(true)
  })

  it('an idle log writes nothing', async () => {
    const disk = createMemoryJournal()
    const { log } = await startLog(disk)
    await log.close()
    expect([log.state(), disk.stored]).toEqual(['closed', []])
  })

  it('releases the journal of a failed log, and reports a release that fails', async () => {
    const { log } = await startLog(createMemoryJournal(), {
      wrap: (journal) => ({
        ...journal,
        startSegment: () => Promise.reject(new Error('EIO')),
        close: () => Promise.reject(new Error('close failed')),
      }),
    })
    await expect(log.append(entry(0))).rejects.toBeInstanceOf(EvidenceUnavailable)
    await expect(log.close()).rejects.toThrow('close failed')
    expect(log.state()).toBe('closed')
  })
})

describe('when storage fails', () => {
  const plans: FaultPlan[] = [
    ...LEFTOVERS.flatMap((leftover) => [0, 1, 2, 3].map((call): FaultPlan => ({ step: 'append', call, leftover }))),
    ...[1, 40, 150, 250].map((leftover): FaultPlan => ({ step: 'append', call: 2, leftover })),
    ...LEFTOVERS.flatMap((leftover) => [0, 1, 2].map((call): FaultPlan => ({ step: 'startSegment', call, leftover }))),
  ]

  it.each(plans)(
    'at $step $call with $leftover, nothing acknowledged is lost and nothing more is taken',
    async (plan) => {
      const disk = createMemoryJournal()
      let journal = createFaultyJournal(disk.open(), plan)
      const { log, telemetry } = await startLog(disk, {
        limits: { segmentBytes: 700 },
        wrap: (inner) => {
          journal = createFaultyJournal(inner, plan)
          return journal
        },
      })
      const acknowledged = new Map<number, Uint8Array>()
      const heard: unknown[] = []
      log.onFailure((cause) => heard.push(cause))
      let refused = 0
      for (let i = 0; i < 12; i++) {
        const pair = [entry(`${i}a`), entry(`${i}b`)]
        const results = await Promise.allSettled(pair.map((leaf) => log.append(leaf)))
        for (const [n, result] of results.entries()) {
          if (result.status === 'fulfilled') {
            // Never again after the first failure, although the disk works again.
            expect(refused).toBe(0)
            acknowledged.set(result.value.index, pair[n] ?? entry(''))
          } else {
            refused++
            expect(result.reason).toBeInstanceOf(EvidenceUnavailable)
            expect(result.reason.cause).toMatchObject({ message: expect.stringContaining('injected') })
          }
        }
      }
      expect(refused).toBeGreaterThan(0)
      expect(acknowledged.size + refused).toBe(24)
      expect(log.state()).toBe('failed')
      expect(log.size).toBe(acknowledged.size)
      expect(telemetry.failures.length).toBe(1)
      expect(heard).toEqual(telemetry.failures)
      // The failed call was the last one: no second sync, no new file.
      expect(journal.calls[plan.step]).toBe(plan.call + 1)
      checkAcknowledged(disk, acknowledged)
      await log.close()

      const restarted = await startLog(disk)
      expect(restarted.log.size).toBeGreaterThanOrEqual(acknowledged.size)
      const { index } = await restarted.log.append(entry('after'))
      acknowledged.set(index, entry('after'))
      const checked = checkAcknowledged(disk, acknowledged)
      expect(checked.tailBytes).toBe(0)
      if (plan.leftover !== 'everything stored' || plan.step === 'startSegment')
        expect(checked.entries.length).toBe(acknowledged.size)
      else expect(checked.entries.length).toBe(acknowledged.size + 2)
    },
  )

  it('everyone who waits is refused, those of the failed batch and those behind it, and nothing more is written', async () => {
    const disk = createMemoryJournal()
    const fails: ((error: Error) => void)[] = []
    const counted = createLogSigner(example.seed)
    const { log, telemetry } = await startLog(disk, {
      signer: counted,
      wrap: (journal) => ({ ...journal, append: () => new Promise((_, reject) => fails.push(reject)) }),
    })
    const flying = watch(log.append(entry(0)))
    await settle()
    const waiting = Array.from({ length: 300 }, (_, i) => watch(log.append(entry(i))))
    fails[0]?.(new Error('EIO'))
    for (let turn = 0; turn < 10; turn++) await settle()
    for (const { error } of [flying, ...waiting]) expect(error).toBeInstanceOf(EvidenceUnavailable)
    await expect(log.append(entry('later'))).rejects.toMatchObject({
      name: 'EvidenceUnavailable',
      cause: { message: 'EIO' },
    })
    expect([fails.length, counted.signed, telemetry.failures.length]).toEqual([1, 1, 1])
  })

  it('while closing, the accepted are refused and the journal is released', async () => {
    const { log } = await startLog(createMemoryJournal(), {
      wrap: (journal) => createFaultyJournal(journal, { step: 'append', call: 0, leftover: 'nothing stored' }),
    })
    const stored = watch(log.append(entry(0)))
    await log.close()
    expect(stored.error).toBeInstanceOf(EvidenceUnavailable)
    expect(log.state()).toBe('closed')
  })

  it('a signer that fails is the same: nothing is written', async () => {
    const disk = createMemoryJournal()
    const broken = {
      publicKey: createLogSigner(example.seed).publicKey,
      sign: () => {
        throw new Error('no key')
      },
    }
    const { log } = await startLog(disk, { signer: broken })
    await expect(log.append(entry(0))).rejects.toBeInstanceOf(EvidenceUnavailable)
    expect([log.state(), disk.stored]).toEqual(['failed', []])
  })

  it('who asks late is told at once, and a listener that throws harms nobody', async () => {
    const { log, telemetry } = await startLog(createMemoryJournal(), {
      wrap: (journal) => createFaultyJournal(journal, { step: 'startSegment', call: 0, leftover: 'nothing stored' }),
    })
    log.onFailure(() => {
      throw new Error('listener')
    })
    const heard: unknown[] = []
    log.onFailure((cause) => heard.push(cause))
    await expect(log.append(entry(0))).rejects.toBeInstanceOf(EvidenceUnavailable)
    log.onFailure((cause) => heard.push(cause))
    expect(heard.length).toBe(2)
    expect(telemetry.faults).toEqual([new Error('listener')])
  })
})

describe('over any history of batches, faults and restarts', () => {
  const leftover: fc.Arbitrary<Leftover> = fc.oneof(fc.constantFrom(...LEFTOVERS), fc.integer({ min: 1, max: 2500 }))
  const life = fc.record({
    batches: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
    fault: fc.record({ step: fc.constantFrom('append' as const, 'startSegment' as const), call: fc.nat(6), leftover }),
    segmentBytes: fc.integer({ min: 1, max: 3000 }),
  })

  it('every acknowledged entry is at its index with the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 5 }), async (lives) => {
        const disk = createMemoryJournal()
        const acknowledged = new Map<number, Uint8Array>()
        for (const [n, { batches, fault, segmentBytes }] of lives.entries()) {
          const { log } = await startLog(disk, {
            limits: { segmentBytes },
            wrap: (journal) => createFaultyJournal(journal, fault),
          })
          for (const [b, count] of batches.entries()) {
            const leaves = Array.from({ length: count }, (_, i) => entry(`${n}/${b}/${i}`))
            const results = await Promise.allSettled(leaves.map((leaf) => log.append(leaf)))
            for (const [i, result] of results.entries()) {
              if (result.status === 'rejected') continue
              expect(acknowledged.has(result.value.index)).toBe(false)
              acknowledged.set(result.value.index, leaves[i] ?? entry(''))
            }
          }
          checkAcknowledged(disk, acknowledged)
          // A process that is killed does not close.
          if (n % 2 === 0) await log.close()
        }
        const { recovered } = await startLog(disk)
        const checked = checkAcknowledged(disk, acknowledged)
        expect(checked.entries.length).toBe(recovered.tree.size)
        expect(checked.tailBytes).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})
