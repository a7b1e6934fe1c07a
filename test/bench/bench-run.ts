import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDevFolder } from '../tools/dev-folder.ts'
import { questionBytes } from './ask.ts'
import { createBareCases } from './bare-cases.ts'
import { createBadgeMint, createForgedMint } from './bench-badges.ts'
import type { Slice } from './bench-case.ts'
import { createBenchClient } from './clients.ts'
import { type MemorySample, measureMemory } from './million-badges.ts'
import type { Pinning } from './pinning.ts'
import { type CpuClock, residentMiB } from './process-usage.ts'
import { createSdkCases } from './sdk-cases.ts'
import { caseKey, controlName, createServerCases } from './server-cases.ts'
import { startControlProcess, startCoreProcess } from './server-process.ts'
import { type CaseSummary, type Round, summarize } from './summary.ts'
import { measureRevocations, type RevocationMeasurement } from './ten-million-revocations.ts'

/** Callers of the SDK whose badges the cache knows. */
const SDK_BADGES = 32

export interface BenchRunOptions {
  /** Folder on the disk to measure; a working folder is made in it and removed. */
  readonly folder: string
  readonly rounds: number
  readonly sliceMs: number
  readonly withMillion: boolean
  readonly pinning: Pinning | undefined
  readonly clock: CpuClock
  readonly progress: (text: string) => void
}

export interface BenchRun {
  readonly cases: readonly CaseSummary[]
  readonly slices: readonly Readonly<Record<string, Slice>>[]
  /** Right after the start, before the first call. */
  readonly residentAtStartMiB: number
  /** Begins after the rounds; absent when left out. */
  readonly memory?: readonly MemorySample[]
  /** Absent when left out, as `memory`. */
  readonly revocations?: RevocationMeasurement
}

/**
 * Measures every case in every round, so that what disturbs the machine disturbs them
 * all. The order turns by one from round to round: nobody always follows the same neighbour.
 */
export async function runBench(options: BenchRunOptions): Promise<BenchRun> {
  const { rounds: roundCount, sliceMs, withMillion, pinning, clock, progress } = options
  await using place = await workingFolder(options.folder)
  const { folder } = place
  await makeDevFolder(folder)
  const mint = createBadgeMint(folder)

  await using held = new AsyncDisposableStack()
  const core = held.adopt(await startCoreProcess(folder, pinning), (process) => process.stop())
  const residentAtStartMiB = residentMiB(core.pid)
  const tcp = held.use(createBenchClient(core.tcp))
  const unix = held.use(createBenchClient(core.socket))
  const flood = held.use(createBenchClient(core.tcp))
  // The control answers with what the core answers, so that sizes are the same.
  const answerFile = join(folder, 'answer.bin')
  await writeFile(answerFile, await tcp.unary(questionBytes(mint())))
  const control = held.adopt(await startControlProcess(folder, answerFile, pinning), (process) => process.stop())
  const controlClient = held.use(createBenchClient(control.tcp))

  const bare = createBareCases(folder, controlName(1))
  for (const each of bare) held.use(each)
  const serverCases = await createServerCases({
    control: { pid: control.pid, client: controlClient },
    core: { pid: core.pid, tcp, unix, flood },
    mint,
    mintForged: createForgedMint(folder),
    clock,
  })
  const badges = Array.from({ length: SDK_BADGES }, mint)
  const sdkCases = createSdkCases({ core, badges, clock, control: controlName(32) })
  for (const each of sdkCases) held.use(each)
  const cases = [...serverCases, ...sdkCases, ...bare]

  progress('warming up')
  for (const each of cases) await each.measure(2 * sliceMs)
  const rounds: Round[] = []
  for (let n = 0; n < roundCount; n++) {
    progress(`round ${n + 1} of ${roundCount}`)
    const round = new Map<string, Slice>()
    for (const each of [...cases.slice(n % cases.length), ...cases.slice(0, n % cases.length)]) {
      const slice = await each.measure(sliceMs)
      if (slice) round.set(caseKey(each), slice)
    }
    rounds.push(round)
  }
  if (withMillion) progress('a million badges')
  const memory = withMillion ? await measureMemory(core.pid, unix, mint) : undefined
  if (withMillion) progress('ten million revocations')
  const revocations = withMillion ? await measureRevocations(folder) : undefined
  progress('')
  return {
    cases: summarize(cases, rounds),
    slices: rounds.map((round) => Object.fromEntries(round)),
    residentAtStartMiB,
    ...(memory && { memory }),
    ...(revocations && { revocations }),
  }
}

async function workingFolder(parent: string): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(parent, 'run-'))
  // A run that is broken off leaves up to a gigabyte otherwise.
  const removeAtExit = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', removeAtExit)
  return {
    folder,
    async [Symbol.asyncDispose]() {
      process.off('exit', removeAtExit)
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
