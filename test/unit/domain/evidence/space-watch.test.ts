import { expect, it } from 'vitest'
import { LOW_SPACE_BYTES, watchSpace } from '../../../../core/src/domain/evidence/space-watch.ts'
import { createManualTimer } from '../../../fakes/manual-timer.ts'

function watched(answers: readonly (number | Error)[]) {
  const timer = createManualTimer()
  const seen: unknown[] = []
  const left = [...answers]
  const stop = watchSpace({
    timer,
    freeBytes: async () => {
      const answer = left.shift()
      if (typeof answer !== 'number') throw answer
      return answer
    },
    telemetry: {
      evidenceSpace: (event) => void seen.push(event),
      fault: ({ where }) => void seen.push(where),
    },
  })
  return { timer, seen, stop }
}

it('the room for evidence is told at once and every half minute, and that it is low below the limit', async () => {
  const { timer, seen, stop } = watched([LOW_SPACE_BYTES, LOW_SPACE_BYTES - 1, 7])
  await expect.poll(() => timer.pending).toBe(1)
  expect(seen).toEqual([{ freeBytes: LOW_SPACE_BYTES, isLow: false }])
  timer.advance(29_999)
  expect(timer.pending).toBe(1)
  timer.advance(1)
  await expect.poll(() => timer.pending).toBe(1)
  expect(seen.slice(1)).toEqual([{ freeBytes: LOW_SPACE_BYTES - 1, isLow: true }])
  stop()
  expect(timer.pending).toBe(0)
})

it('a look under way when it ends tells nothing and plans no other', async () => {
  const { timer, seen, stop } = watched([1])
  stop()
  await new Promise((resolve) => setImmediate(resolve))
  expect([seen, timer.pending]).toEqual([[], 0])
})

it('a system that cannot tell is reported once', async () => {
  const { timer, seen } = watched([new Error('ENOSYS')])
  await expect.poll(() => seen).toEqual(['looking for free space for evidence'])
  expect(timer.pending).toBe(0)
})
