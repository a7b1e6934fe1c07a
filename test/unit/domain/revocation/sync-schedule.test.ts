import { describe, expect, it } from 'vitest'
import { IssuerBusy } from '../../../../core/src/domain/revocation/issuer-api.ts'
import { createSyncSchedule } from '../../../../core/src/domain/revocation/sync-schedule.ts'
import { createClockedTimer, settled } from '../../../fakes/clocked-timer.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

function createWorld(byte = 0) {
  const clock = createFixedClock(0)
  const timer = createClockedTimer(clock)
  const failures: unknown[] = []
  const runs: number[] = []
  const plan: { work: (signal: AbortSignal) => Promise<void> } = { work: async () => undefined }
  const schedule = createSyncSchedule({
    work: (signal) => {
      runs.push(clock.monotonicMs())
      return plan.work(signal)
    },
    intervalMs: 30_000,
    timer,
    random: { uuid: () => '', bytes: () => Uint8Array.of(byte) },
    onFailure: (cause) => void failures.push(cause),
  })
  return { clock, timer, failures, runs, plan, schedule }
}

const gaps = (runs: readonly number[]) => runs.slice(1).map((at, n) => at - (runs[n] ?? 0))

describe('a schedule', () => {
  it('runs at once and then at the interval', async () => {
    const { schedule, timer, runs } = createWorld()
    expect(runs).toEqual([])
    schedule.start()
    await timer.advance(90_000)
    expect(gaps(runs)).toEqual([30_000, 30_000, 30_000])
  })

  it('shortens waits by up to a tenth, and never lengthens one', async () => {
    const { schedule, timer } = createWorld(255)
    schedule.start()
    await settled()
    expect(timer.waiting).toEqual([27_011])
  })

  it('tries again soon after a failure, then ever later, up to the interval, and returns to it', async () => {
    const world = createWorld()
    const { schedule, timer, runs, failures } = world
    world.plan.work = () => Promise.reject(new Error('down'))
    schedule.start()
    await timer.advance(100_000)
    expect(gaps(runs)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    expect(failures).toHaveLength(8)
    world.plan.work = async () => undefined
    await timer.advance(60_000)
    expect(gaps(runs).slice(-2)).toEqual([30_000, 30_000])
    world.plan.work = () => Promise.reject(new Error('down'))
    await timer.advance(21_000)
    expect(timer.waiting).toEqual([1_000])
  })

  it('gives a source that asks for it a longer pause', async () => {
    const world = createWorld()
    world.plan.work = () => Promise.reject(new IssuerBusy('busy', 120_000))
    world.schedule.start()
    await settled()
    expect(world.timer.waiting).toEqual([120_000])
  })

  it('has one run under way, which whoever asks meanwhile joins', async () => {
    const world = createWorld()
    let finish = (): void => {}
    world.plan.work = () =>
      new Promise<void>((resolve) => {
        finish = resolve
      })
    const asked = [world.schedule.now(), world.schedule.now()]
    await settled()
    expect(world.runs).toHaveLength(1)
    finish()
    await Promise.all(asked)
    void world.schedule.now()
    await settled()
    expect(world.runs).toHaveLength(2)
    finish()
    await settled()
    expect(world.timer.waiting).toEqual([30_000])
  })

  it('tells whoever asked why a run failed', async () => {
    const world = createWorld()
    world.plan.work = () => Promise.reject(new Error('down'))
    expect(await rejectionOf(world.schedule.now())).toBe('Error')
  })

  it('ends its run and begins no other when it is stopped', async () => {
    const world = createWorld()
    let signal: AbortSignal | undefined
    world.plan.work = (given) =>
      new Promise((_, reject) => {
        signal = given
        given.addEventListener('abort', () => reject(new Error('aborted')))
      })
    world.schedule.start()
    await settled()
    await world.schedule.stop()
    expect(signal?.aborted).toBe(true)
    expect(world.timer.waiting).toEqual([])
    // Asked to stop, it did as it was asked.
    expect(world.failures).toEqual([])
    expect(await rejectionOf(world.schedule.now())).toBe('SourceUnavailable')
    await world.timer.advance(100_000)
    expect(world.runs).toHaveLength(1)
    await world.schedule.stop()
  })

  it('that waits is stopped, too', async () => {
    const { schedule, timer, runs } = createWorld()
    schedule.start()
    await settled()
    await schedule.stop()
    await timer.advance(100_000)
    expect(runs).toHaveLength(1)
  })
})
