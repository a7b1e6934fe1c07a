import { describe, expect, it } from 'vitest'
import { createAuditTrail } from '../../../../core/src/domain/registry/audit-trail.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createMemoryRegistryStore } from '../../../fakes/memory-registry-store.ts'
import { refusalOf, rejectionOf } from '../../../tools/refusal.ts'

function setUp() {
  const store = createMemoryRegistryStore()
  const log: number[] = []
  let state = 'open'
  /** Appends wait until they are let through. */
  let gate: Promise<void> = Promise.resolve()
  const evidence = {
    state: () => state,
    async append(leaf: Uint8Array) {
      await gate
      if (state !== 'open') throw new Error('closed')
      log.push(leaf[0] ?? -1)
    },
  }
  const random = { uuid: () => '770e8400-e29b-41d4-a716-446655440000' }
  const trail = createAuditTrail({ store, evidence, clock: createFixedClock(0), random })
  return {
    ...{ store, log, trail },
    setState(next: string) {
      state = next
    },
    hold() {
      let release = (): void => {}
      gate = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    add: (n: number) => store.addAudit({ id: String(n), leaf: Uint8Array.of(n) }),
  }
}

describe('an audit trail', () => {
  it('writes what is stored, in order and once', async () => {
    const { add, trail, log, store } = setUp()
    for (const n of [1, 2, 3]) await add(n)
    await trail.flush()
    await trail.flush()
    expect(log).toEqual([1, 2, 3])
    expect(await store.pendingAudit(10)).toEqual([])
  })

  it('writes more than a batch', async () => {
    const { add, trail, log } = setUp()
    const all = Array.from({ length: 600 }, (_, n) => n % 256)
    for (const n of all) await add(n)
    await trail.flush()
    expect(log).toEqual(all)
  })

  it('comes back to nobody before what they stored is written, however many ask at a time', async () => {
    const { add, trail, log, hold } = setUp()
    const release = hold()
    await add(1)
    const first = trail.flush()
    await Promise.resolve()
    await add(2)
    const second = trail.flush().then(() => expect(log).toContain(2))
    await add(3)
    const third = trail.flush().then(() => expect(log).toContain(3))
    release()
    await Promise.all([first, second, third])
    expect(log).toEqual([1, 2, 3])
  })

  it('keeps order and writes once when callers come at every moment', async () => {
    const { add, trail, log } = setUp()
    const one = async (n: number): Promise<void> => {
      for (let wait = n % 7; wait > 0; wait--) await Promise.resolve()
      await add(n)
      await trail.flush()
      expect(log).toContain(n)
    }
    await Promise.all(Array.from({ length: 200 }, (_, n) => one(n)))
    expect(log.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n))
  })

  it('writes once for somebody who comes between two passes, whatever the turn', async () => {
    for (let turns = 0; turns < 60; turns++) {
      const { add, trail, log, hold } = setUp()
      const release = hold()
      await add(1)
      const first = trail.flush()
      await add(2)
      const second = trail.flush()
      release()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await add(3)
      await Promise.all([first, second, trail.flush()])
      expect([turns, log]).toEqual([turns, [1, 2, 3]])
    }
  })

  it('keeps what it could not write, and writes it later', async () => {
    const { add, trail, log, setState } = setUp()
    await add(1)
    setState('failed')
    expect(await rejectionOf(trail.flush())).toBe('RegistryRefused evidence_unavailable')
    setState('open')
    await trail.flush()
    expect(log).toEqual([1])
  })

  it('lets one failure stop nobody who comes later', async () => {
    const { add, trail, log, hold, setState } = setUp()
    const release = hold()
    await add(1)
    const first = rejectionOf(trail.flush())
    const second = rejectionOf(trail.flush())
    setState('failed')
    release()
    expect(await first).toBe('RegistryRefused evidence_unavailable')
    expect(await second).toBe('RegistryRefused evidence_unavailable')
    setState('open')
    await trail.flush()
    expect(log).toEqual([1])
  })

  it.each(['failed', 'closing', 'closed'])('lets nothing be changed while the log is %s', (state) => {
    const { trail, setState } = setUp()
    expect(refusalOf(() => trail.demandWritable())).toEqual({ returned: undefined })
    setState(state)
    expect(refusalOf(() => trail.demandWritable())).toBe('RegistryRefused evidence_unavailable')
  })
})
