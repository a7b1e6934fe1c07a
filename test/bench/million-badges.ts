import { checkAnswerBytes, question, questionBytes } from './ask.ts'
import type { BadgeMint } from './bench-badges.ts'
import type { BenchClient } from './clients.ts'
import { residentMiB } from './process-usage.ts'

/** Memory of a core by the number of distinct badges since the first look. */
export interface MemorySample {
  readonly decisions: number
  readonly residentMiB: number
}

const DECISIONS = 1_000_000
const STEP = 100_000
const BATCH_ITEMS = 64
const UNARY_IN_FLIGHT = 32

/**
 * Lets a core decide about a million badges, each another one, by batches where it offers them, and looks at its
 * memory on the way.
 */
export async function measureMemory(pid: number, client: BenchClient, mint: BadgeMint): Promise<MemorySample[]> {
  const samples = [{ decisions: 0, residentMiB: residentMiB(pid) }]
  const stream = (await client.offersStream(question(mint()))) ? client.openStream() : undefined
  const batch = () => Array.from({ length: BATCH_ITEMS }, () => question(mint()))

  let sent = 0
  const lane = async (until: number): Promise<void> => {
    while (sent < until) {
      if (stream) {
        sent += BATCH_ITEMS
        await stream.ask(batch())
      } else {
        sent += 1
        checkAnswerBytes(await client.unary(questionBytes(mint())))
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
