import { spawnSync } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseBenchOptions, USAGE } from './bench-options.ts'
import { runBench } from './bench-run.ts'
import { type Pinning, pinLoad, unpinnedCommand } from './pinning.ts'
import { cpuClock } from './process-usage.ts'
import {
  reportCases,
  reportComparison,
  reportDisagreement,
  reportDisturbance,
  reportMemory,
  reportRevocations,
} from './report.ts'
import { currentCommit, describeMachine, loadRun, SAVED_RUN_VERSION, type SavedRun, saveRun } from './saved-run.ts'
import { disagreement } from './summary.ts'

const RESULTS = join(import.meta.dirname, '..', '..', 'bench-results')

async function main(args: readonly string[]): Promise<void> {
  const options = parseBenchOptions(args, RESULTS)
  if (options === undefined) {
    console.log(USAGE)
    return
  }
  const { folder, repeat, rounds, sliceMs, quick, compare } = options
  const earlier = compare === undefined ? undefined : await loadRun(compare)
  await mkdir(folder, { recursive: true })
  const pinning = pinLoad()
  const clock = cpuClock()
  const machine = describeMachine(pinning, clock)
  console.log(
    `${machine.processor}, ${machine.processors} processors, ${machine.system}, Node ${machine.node}, load ${machine.loadBefore.toFixed(1)}`,
  )
  console.log(pinning ? `server on processor ${pinning.server}, load on ${pinning.load}` : 'not pinned: expect noise')

  const runs: SavedRun[] = []
  for (let n = 1; n <= repeat; n++) {
    const startedAt = new Date().toISOString()
    const run = await runBench({
      folder,
      rounds,
      sliceMs,
      withMillion: !quick && n === repeat,
      pinning,
      clock,
      progress,
    })
    const commit = currentCommit()
    const saved: SavedRun = { version: SAVED_RUN_VERSION, startedAt, commit, rounds, sliceMs, machine, ...run }
    runs.push(saved)
    console.log(`\n${reportCases(run.cases)}\n\n${reportMemory(run)}`)
    const revocations = reportRevocations(run)
    if (revocations) console.log(revocations)
    const disturbance = reportDisturbance(run.cases)
    if (disturbance) console.log(disturbance)
    console.log(`saved to ${await saveRun(folder, saved)}`)
    if (earlier) {
      console.log(`\nThis run divided by ${compare} (${earlier.commit}, ${earlier.startedAt}):\n`)
      console.log(reportComparison(run.cases, earlier.cases))
    }
  }
  if (!quick) {
    runBeside('the evidence log at its own interface', pinning, ['evidence-log.ts', '1000000', folder])
    runBeside('the registry', pinning, ['registry.ts', '--dir', folder])
    // Kept with the last run.
    const mcpCalls = join(folder, 'mcp-calls.json')
    runBeside('guarded MCP calls', pinning, ['mcp-calls.ts', '--dir', folder, '--json', mcpCalls])
    for (const run of runs.slice(-1)) {
      await saveRun(folder, { ...run, mcpCalls: JSON.parse(await readFile(mcpCalls, 'utf8')) })
    }
    await rm(mcpCalls)
  }
  if (repeat > 1) console.log(`\n${reportDisagreement(disagreement(runs.map(({ cases }) => cases)))}`)
}

/**
 * A bench of its own, in a process of its own: what the core left behind does not weigh on it. It is load and server
 * in one, so it has the processors of both.
 */
function runBeside(what: string, pinning: Pinning | undefined, [program = '', ...args]: readonly string[]): void {
  console.log(`\n${what}:`)
  const [command, commandArgs] = unpinnedCommand(pinning, [join(import.meta.dirname, program), ...args])
  const { status } = spawnSync(command, commandArgs, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`The bench of ${what} ended with ${status}.`)
}

/** A line that overwrites itself, for people only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

// Exit listeners stop the servers and remove the working folder.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

await main(process.argv.slice(2))
