import { afterEach, describe, expect, it } from 'vitest'
import { createIndexFollower, IndexUnavailable } from '../../../../core/src/domain/evidence/index-follower.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createMemoryEvidenceIndex, type MemoryIndexState } from '../../../fakes/memory-evidence-index.ts'
import { createCommittedLog, decision, idOf, ORIGIN } from './test-records.ts'

const followers: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const follower of followers.splice(0)) await follower.close()
})

function follow(leaves: Uint8Array[] = [], state?: MemoryIndexState) {
  const written = createCommittedLog(leaves)
  const index = createMemoryEvidenceIndex(state)
  const clock = createFixedClock(0)
  const faults: unknown[] = []
  const rebuilds: unknown[] = []
  const indexed: { records: number; behind: number }[] = []
  const start = (onRebuild = () => {}) => {
    const follower = createIndexFollower({
      ...written,
      index,
      clock,
      telemetry: {
        fault: ({ cause }) => faults.push(cause),
        evidenceIndexRebuilt: ({ cause }) => {
          rebuilds.push(cause)
          onRebuild()
        },
        evidenceIndexed: (event) => indexed.push(event),
      },
    })
    followers.push(follower)
    return follower
  }
  return { ...written, written, index, clock, faults, rebuilds, indexed, start }
}

const ids = ({ state }: { state: MemoryIndexState }): string[] => state.entries.map(({ id }) => id)
const some = (count: number, from = 0): Uint8Array[] => Array.from({ length: count }, (_, i) => decision(from + i))

describe('an index that follows a log', () => {
  it('takes what was there before it, and what is committed after', async () => {
    const world = follow(some(3))
    const follower = world.start()
    await follower.caughtUp()
    expect(ids(world.index)).toEqual([idOf(0), idOf(1), idOf(2)])
    world.commit(decision(3), decision(4))
    await follower.caughtUp()
    expect(ids(world.index)).toEqual([0, 1, 2, 3, 4].map(idOf))
    expect(world.index.state.entries[4]).toEqual({
      index: 4,
      id: idOf(4),
      kind: 'decision',
      tool: 'read_file',
      principal: 'did:web:registry.example:agents:worker-1',
      decision: 'ALLOW',
      decisionId: '',
      atMs: Date.UTC(2026, 4, 6, 10, 0, 4),
    })
    expect(world.index.state.position).toMatchObject({ origin: ORIGIN, size: 5 })
    expect(world.rebuilds).toEqual([])
  })

  it('is caught up with an empty log at once', async () => {
    const world = follow()
    await world.start().caughtUp()
    expect(world.index.state.position).toEqual({ origin: ORIGIN, size: 0, lastLeaf: '' })
  })

  it('takes new commits from memory, and reads only what does not fit there', async () => {
    const world = follow()
    const follower = world.start()
    await follower.caughtUp()
    world.commit(decision(0))
    await follower.caughtUp()
    expect(world.reads).toEqual([])
    // All in one turn, so nothing can be taken meanwhile: the oldest fall out of the buffer.
    for (let batch = 0; batch < 30; batch++) world.commit(...some(200, 1 + batch * 200))
    await follower.caughtUp()
    expect(world.index.state.entries.map(({ index }) => index)).toEqual(Array.from({ length: 6001 }, (_, i) => i))
    const readBack = world.reads.reduce((sum, [from, to]) => sum + to - from, 0)
    expect(readBack).toBeGreaterThan(0)
    expect(readBack).toBeLessThan(3000)
  })

  it('goes on where it was after a restart', async () => {
    const first = follow(some(5))
    await first.start().caughtUp()
    const second = follow(some(8), first.index.state)
    await second.start().caughtUp()
    expect(ids(second.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(idOf))
    // The last entry that it had is looked at, then only what is new.
    expect(second.reads).toEqual([
      [4, 5],
      [5, 8],
    ])
    expect(second.rebuilds).toEqual([])
  })

  it.each([
    ['of another log', { origin: 'log.example/2' }],
    ['that is ahead of the log', { size: 6 }],
    ['of another history', { lastLeaf: 'other' }],
  ])('makes an index anew %s', async (_what, change) => {
    const first = follow(some(5))
    await first.start().caughtUp()
    const { state } = first.index
    if (state.position === undefined) throw new Error('no position')
    state.position = { ...state.position, ...change }
    const second = follow(some(5, 100), state)
    await second.start().caughtUp()
    expect(ids(second.index)).toEqual([100, 101, 102, 103, 104].map(idOf))
    expect(state.position).toMatchObject({ origin: ORIGIN, size: 5 })
    expect(second.rebuilds).toEqual([undefined])
  })

  it('begins with the first entry that retention left', async () => {
    const world = follow(some(5))
    world.written.removeBelow(3)
    await world.start().caughtUp()
    expect(ids(world.index)).toEqual([3, 4].map(idOf))
    expect(world.rebuilds).toEqual([])
    const again = follow(some(6), world.index.state)
    again.written.removeBelow(3)
    await again.start().caughtUp()
    expect(ids(again.index)).toEqual([3, 4, 5].map(idOf))
    expect(again.rebuilds).toEqual([])
  })

  it('makes an index anew that retention overtook', async () => {
    const first = follow(some(2))
    await first.start().caughtUp()
    const second = follow(some(6), first.index.state)
    second.written.removeBelow(4)
    await second.start().caughtUp()
    expect(ids(second.index)).toEqual([4, 5].map(idOf))
    expect(second.rebuilds).toEqual([undefined])
  })

  it('makes a damaged index anew once, and says why', async () => {
    const world = follow(some(3))
    world.index.failing.add('position')
    const follower = world.start()
    await follower.caughtUp()
    expect(ids(world.index)).toEqual([0, 1, 2].map(idOf))
    expect(world.rebuilds).toMatchObject([{ message: 'position fails' }])
    expect(world.faults).toEqual([])
  })

  it('makes an index anew that could not answer, before anybody asks it again', async () => {
    const world = follow(some(3))
    const follower = world.start()
    await follower.caughtUp()
    world.index.state.entries = []
    follower.distrust(new Error('malformed'))
    await follower.caughtUp()
    expect(ids(world.index)).toEqual([0, 1, 2].map(idOf))
    expect(world.rebuilds).toEqual([new Error('malformed')])
  })

  it('makes it anew also when it is distrusted while it takes records', async () => {
    const world = follow(some(3))
    const follower = world.start()
    world.commit(decision(3))
    follower.distrust(new Error('malformed'))
    follower.distrust(new Error('malformed again'))
    await follower.caughtUp()
    expect(ids(world.index)).toEqual([0, 1, 2, 3].map(idOf))
    expect(world.rebuilds).toEqual([new Error('malformed')])
  })

  it('refuses while the index fails, harms nobody, and recovers after a pause', async () => {
    const world = follow(some(3))
    world.index.failing.add('add')
    const follower = world.start()
    await expect(follower.caughtUp()).rejects.toThrow(IndexUnavailable)
    expect(world.faults).toMatchObject([{ message: 'add fails' }])
    world.index.failing.clear()
    world.commit(decision(3))
    // Not at once: a broken disk would be asked for every commit.
    await expect(follower.caughtUp()).rejects.toThrow(IndexUnavailable)
    expect(world.index.state.entries).toEqual([])
    world.clock.advance(5_000)
    await follower.caughtUp()
    expect(ids(world.index)).toEqual([0, 1, 2, 3].map(idOf))
  })

  it('says how far it is behind', async () => {
    const world = follow(some(600))
    await world.start().caughtUp()
    expect(world.indexed).toEqual([
      { records: 256, behind: 344 },
      { records: 256, behind: 88 },
      { records: 88, behind: 0 },
    ])
  })

  it('stops with close, which refuses those who wait and may be called twice', async () => {
    const world = follow(some(1000))
    const follower = world.start()
    const waiting = follower.caughtUp()
    const refused = expect(waiting).rejects.toThrow(IndexUnavailable)
    await follower.close()
    await follower.close()
    await refused
    await expect(follower.caughtUp()).rejects.toThrow(IndexUnavailable)
    expect(world.listeners.size).toBe(0)
    expect(world.index.state.entries.length).toBeLessThan(1000)
    expect(world.faults).toEqual([])
  })

  it('is not made anew when it fails because it is being closed', async () => {
    const world = follow(some(3))
    world.index.failing.add('position')
    const follower = world.start()
    await follower.close()
    expect([world.rebuilds, world.faults, world.index.state.position]).toEqual([[], [], undefined])
  })

  it('that fails while it is made anew is no fault when it is being closed', async () => {
    const world = follow(some(3))
    world.index.failing.add('position').add('reset')
    let closing: Promise<void> | undefined
    const follower = world.start(() => {
      closing ??= follower.close()
    })
    await expect(follower.caughtUp()).rejects.toThrow(IndexUnavailable)
    await closing
    expect(world.faults).toEqual([])
  })
})
