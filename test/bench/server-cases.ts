import { checkAnswerBytes, checkDenied, question, questionBytes, wasCacheHit } from './ask.ts'
import type { BadgeMint } from './bench-badges.ts'
import type { BenchCase, Slice } from './bench-case.ts'
import type { BenchClient } from './clients.ts'
import type { LoopOptions } from './closed-loop.ts'
import { measureSlice } from './measure-slice.ts'
import type { CpuClock } from './process-usage.ts'

const BATCH_ITEMS = 64

/** Callers whose badges the cache knows. */
const KNOWN_BADGES = 32

/** Distinct badges that are ready when a slice with cache misses begins; it ends early when they are used up. */
const NEW_BADGES_PER_SLICE = 2_000

/** Forged badges and how many of them are under way at a time. The same ones again cost as much: none is remembered. */
const FORGED_BADGES = 1_000
const FLOOD_IN_FLIGHT = 32

export interface ServerCasesOptions {
  readonly control: { readonly pid: number; readonly client: BenchClient }
  readonly core: {
    readonly pid: number
    readonly tcp: BenchClient
    readonly unix: BenchClient
    readonly flood: BenchClient
  }
  readonly mint: BadgeMint
  readonly mintForged: BadgeMint
  readonly clock: CpuClock
}

/** Every case that sends something, the controls first. */
export async function createServerCases(options: ServerCasesOptions): Promise<BenchCase[]> {
  const { control, core, mint, mintForged, clock } = options
  const known = Array.from({ length: KNOWN_BADGES }, mint)
  const knownBytes = known.map(questionBytes)
  const forgedBytes = Array.from({ length: FORGED_BADGES }, () => questionBytes(mintForged()))
  const questions = known.map(question)
  const [firstQuestion] = questions
  const offersStream = firstQuestion !== undefined && (await core.tcp.offersStream(firstQuestion))

  const slice = (
    pid: number,
    call: () => Promise<void>,
    loop: Omit<LoopOptions, 'minCalls'>,
    decisionsPerCall = 1,
  ): Promise<Slice> => measureSlice({ pid, clock }, call, loop, decisionsPerCall)

  const controlCase = (inFlight: number): BenchCase => ({
    name: 'control tcp',
    inFlight,
    control: controlName(inFlight),
    measure: (forMs) =>
      slice(control.pid, async () => void (await control.client.unary(pick(knownBytes))), { inFlight, forMs }),
  })

  const hitCase = (transport: 'tcp' | 'unix', inFlight: number): BenchCase => ({
    name: `unary ${transport} hit`,
    inFlight,
    control: controlName(inFlight),
    async measure(forMs) {
      const client = core[transport]
      // Verified again first where cases with misses displaced them.
      for (const bytes of knownBytes) checkAnswerBytes(await client.unary(bytes))
      await demandCache(client, pick(knownBytes), true)
      return slice(core.pid, async () => checkAnswerBytes(await client.unary(pick(knownBytes))), { inFlight, forMs })
    },
  })

  const missCase = (inFlight: number): BenchCase => ({
    name: 'unary tcp miss',
    inFlight,
    control: controlName(inFlight),
    async measure(forMs) {
      const fresh = Array.from({ length: NEW_BADGES_PER_SLICE }, () => questionBytes(mint()))
      await demandCache(core.tcp, questionBytes(mint()), false)
      const call = async (): Promise<void> => {
        const bytes = fresh.pop()
        if (bytes === undefined) throw new Error('No badge is left')
        checkAnswerBytes(await core.tcp.unary(bytes))
      }
      return slice(core.pid, call, { inFlight, forMs, hasMore: () => fresh.length > 0 })
    },
  })

  /** Callers with known badges while others, on a connection of their own, send as many forged ones as they can. */
  const floodCase = (inFlight: number): BenchCase => ({
    name: 'unary tcp hit, flooded',
    inFlight,
    control: controlName(inFlight),
    async measure(forMs) {
      for (const bytes of knownBytes) checkAnswerBytes(await core.tcp.unary(bytes))
      let isOver = false
      const lane = async (): Promise<void> => {
        while (!isOver) checkDenied(await core.flood.unary(pick(forgedBytes)))
      }
      const flooding = Promise.all(Array.from({ length: FLOOD_IN_FLIGHT }, lane))
      const ask = async (): Promise<void> => checkAnswerBytes(await core.tcp.unary(pick(knownBytes)))
      const measured = await slice(core.pid, ask, { inFlight, forMs }).finally(() => {
        isOver = true
      })
      await flooding
      // None of them took the place of a badge that counts.
      await demandCache(core.tcp, pick(knownBytes), true)
      return measured
    },
  })

  const streamCase = (transport: 'tcp' | 'unix', items: number, inFlight: number): BenchCase => ({
    name: items === 1 ? `stream ${transport} hit` : `batch ${items} ${transport} hit`,
    inFlight,
    control: controlName(32),
    async measure(forMs) {
      if (!offersStream) return undefined
      const stream = core[transport].openStream()
      const ask = (): Promise<void> => stream.ask(Array.from({ length: items }, () => pick(questions)))
      const measured = await slice(core.pid, ask, { inFlight, forMs }, items)
      await stream.end()
      return measured
    },
  })

  return [
    ...[1, 8, 32].map(controlCase),
    ...[1, 8, 32].map((inFlight) => hitCase('tcp', inFlight)),
    ...[1, 8, 32].map((inFlight) => hitCase('unix', inFlight)),
    ...[1, 32].map(missCase),
    floodCase(8),
    streamCase('tcp', 1, 32),
    streamCase('unix', 1, 32),
    streamCase('tcp', BATCH_ITEMS, 2),
    streamCase('unix', BATCH_ITEMS, 2),
  ]
}

/** Name under which the control with this many calls in flight is found. */
export function controlName(inFlight: number): string {
  return caseKey({ name: 'control tcp', inFlight })
}

export function caseKey({ name, inFlight }: Pick<BenchCase, 'name' | 'inFlight'>): string {
  return inFlight === 0 ? name : `${name} ×${inFlight}`
}

let turn = 0

/** Goes round, so that no answer depends on one caller alone. */
function pick<T>(values: readonly T[]): T {
  turn = (turn + 1) % values.length
  return values[turn] as T
}

/** A case that measures something else than its name says must not pass. */
async function demandCache(client: BenchClient, bytes: Buffer, expected: boolean): Promise<void> {
  const answer = await client.unary(bytes)
  checkAnswerBytes(answer)
  if (wasCacheHit(answer) !== expected) throw new Error(`The badge cache was expected to ${expected ? 'hit' : 'miss'}`)
}
