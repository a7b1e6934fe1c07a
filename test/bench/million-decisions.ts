import { checkAnswerBytes, question, questionBytes } from './ask.ts'
import type { BenchClient } from './clients.ts'
import { residentMiB } from './process-usage.ts'

/** Memory of a core by the number of decisions since the first look. */
export interface MemorySample {
  readonly decisions: number
  readonly residentMiB: number
}

const DECISIONS = 1_000_000
const STEP = 100_000
const BATCH_ITEMS = 64
const UNARY_IN_FLIGHT = 32

/** Lets a core decide a million times, by batches where it offers them, and looks at its memory on the way. */
export async function measureMemory(pid: number, client: BenchClient, badge: string): Promise<MemorySample[]> {
  const samples = [{ decisions: 0, residentMiB: residentMiB(pid) }]
  const asked = question(badge)
  const bytes = questionBytes(badge)
  const stream = (await client.offersStream(asked)) ? client.openStream() : undefined
  const batch = Array.from({ length: BATCH_ITEMS }, () => asked)

  let sent = 0
  const lane = async (until: number): Promise<void> => {
    while (sent < until) {
      if (stream) {
        sent += BATCH_ITEMS
        await stream.ask(batch)
      } else {
        sent += 1
        checkAnswerBytes(await client.unary(bytes))
      }
    }
  }
  for (let until = STEP; until <= DECISIONS; until += STEP) {
    await Promise.all(Array.from({ length: stream ? 2 : UNARY_IN_FLIGHT }, () => lane(until)))
    samples.push({ decisions: until, residentMiB: residentMiB(pid) })
  }
  await stream?.end()
  return samples
}
