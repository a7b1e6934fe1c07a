import { beforeEach, describe, expect, it } from 'vitest'
import { createOpenRequests, type OpenRequests } from '../../../core/src/mcp/open-requests.ts'

let open: OpenRequests
beforeEach(() => {
  open = createOpenRequests()
})

/** A request that waits until it is let go, or aborted. */
function held(id: string | number, gone?: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<string>()
  let aborted = false
  const outcome = open.hold(id, gone, 'aborted', async (signal) => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    return promise
  })
  return { outcome, resolve, isAborted: () => aborted }
}

describe('an id', () => {
  it.each([
    [1, '1'],
    ['01', 1],
    ['1e3', 1000],
    ['a', 'a'],
  ])('%j takes %j as well', (id, other) => {
    open.add({ id, startedMs: 0 })
    expect([open.isTaken(other), open.isTaken('b')]).toEqual([true, false])
  })

  it('is answered as it was written, once', () => {
    open.add({ id: 1, startedMs: 7 })
    expect(open.answered('1')).toBeUndefined()
    expect(open.answered(1)).toMatchObject({ id: 1, startedMs: 7, isCancelled: false })
    expect(open.answered(1)).toBeUndefined()
    expect(open.isTaken(1)).toBe(false)
  })

  it('of a cancelled request stays taken until its late answer', () => {
    open.add({ id: 1, startedMs: 0 })
    expect([open.cancel('1'), open.cancel(1), open.cancel(1)]).toEqual([false, true, false])
    expect(open.isTaken(1)).toBe(true)
    expect(open.answered(1)).toMatchObject({ isCancelled: true })
  })
})

describe('a request that is held', () => {
  it('has its id, is aborted when it is cancelled, and the server hears nothing of it', async () => {
    const { outcome, resolve, isAborted } = held(1)
    expect([open.isTaken('1'), open.cancel('1'), isAborted()]).toEqual([true, false, false])
    expect([open.cancel(1), isAborted()]).toEqual([false, true])
    resolve('said')
    expect(await outcome).toBe('said')
    expect(open.isTaken(1)).toBe(false)
  })

  it('gives nothing where asking failed, and what was agreed where nobody waits any more', async () => {
    const fail = async () => {
      throw new Error('no core')
    }
    expect(await open.hold(1, undefined, 'aborted', fail)).toBeUndefined()
    expect(await open.hold(1, AbortSignal.abort(), 'aborted', fail)).toBe('aborted')
  })
})

describe('idle', () => {
  it('is when nothing waits but subscriptions and what was cancelled', async () => {
    const seen: string[] = []
    const { outcome, resolve } = held('held')
    open.add({ id: 1, startedMs: 0 })
    open.add({ id: 2, startedMs: 0 })
    open.add({ id: 3, startedMs: 0, isSubscription: true })
    const idle = open.idle().then(() => seen.push('idle'))
    open.answered(1)
    resolve('said')
    await outcome
    seen.push('one left')
    open.cancel(2)
    await idle
    expect(seen).toEqual(['one left', 'idle'])
  })

  it('is at once when everything is forgotten', async () => {
    const { isAborted } = held('held')
    open.add({ id: 1, startedMs: 0 })
    expect(open.clear()).toMatchObject([{ id: 1 }])
    expect([isAborted(), open.isTaken(1), open.clear()]).toEqual([true, false, []])
  })
})

it('is full at ten thousand, of which cancelled ones are none', () => {
  for (let id = 0; id < 9_999; id += 1) open.add({ id, startedMs: 0 })
  expect(open.isFull()).toBe(false)
  open.add({ id: 9_999, startedMs: 0 })
  expect(open.isFull()).toBe(true)
  open.cancel(5)
  expect(open.isFull()).toBe(false)
})
