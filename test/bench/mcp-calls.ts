// What a guarded MCP call costs, beside the same call of a plain server:
// node test/bench/mcp-calls.ts [--dir DIR] [--rounds N] [--slice-ms N] [--json FILE]
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeDevFolder } from '../tools/dev-folder.ts'
import { runClosedLoop } from './closed-loop.ts'
import { type McpCase, type McpGuard, type McpTransport, openMcpCases } from './mcp-cases.ts'
import { cpuClock, cpuMicros } from './process-usage.ts'
import { startCoreProcess } from './server-process.ts'
import { median } from './statistics.ts'

/** Medians over the rounds; ratios and differences are taken within a round. */
export interface McpCallsSummary {
  readonly transport: McpTransport
  readonly guard: McpGuard
  readonly inFlight: number
  /** Processor time of a call, of all processes that have a part in it. */
  readonly cpuMicrosEach: number
  readonly toPlain: number
  /** More than the same call of a plain server. */
  readonly addedMicros: number
  readonly perSecond: number
}

interface Slice {
  readonly cpuMicrosEach: number
  readonly perSecond: number
}

const IN_FLIGHT = [1, 16]

const clock = cpuClock()
const cpuOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMicros(pid, clock), 0)

async function measure({ call, pids }: McpCase, inFlight: number, forMs: number): Promise<Slice> {
  const before = cpuOf(pids)
  const { calls, seconds } = await runClosedLoop(call, { inFlight, forMs, minCalls: 50 })
  return { cpuMicrosEach: (cpuOf(pids) - before) / calls, perSecond: calls / seconds }
}

/** Every case in every round, in an order that turns by one. */
async function runRounds(cases: readonly McpCase[], rounds: number, sliceMs: number): Promise<McpCallsSummary[]> {
  const runs = cases.flatMap((each) => IN_FLIGHT.map((inFlight) => ({ each, inFlight, slices: [] as Slice[] })))
  for (const { each, inFlight } of runs) await measure(each, inFlight, 2 * sliceMs)
  for (let n = 0; n < rounds; n++) {
    const turned = n % runs.length
    for (const { each, inFlight, slices } of [...runs.slice(turned), ...runs.slice(0, turned)]) {
      slices.push(await measure(each, inFlight, sliceMs))
    }
  }
  return runs.map(({ each: { transport, guard }, inFlight, slices }) => {
    const plain = runs.find(
      (other) => other.each.transport === transport && other.each.guard === 'plain' && other.inFlight === inFlight,
    )
    const beside = (compare: (own: number, plain: number) => number): number =>
      median(
        slices.map(({ cpuMicrosEach }, n) => compare(cpuMicrosEach, plain?.slices[n]?.cpuMicrosEach ?? Number.NaN)),
      )
    return {
      ...{ transport, guard, inFlight },
      cpuMicrosEach: median(slices.map(({ cpuMicrosEach }) => cpuMicrosEach)),
      toPlain: beside((own, plain) => own / plain),
      addedMicros: beside((own, plain) => own - plain),
      perSecond: median(slices.map(({ perSecond }) => perSecond)),
    }
  })
}

function print(summaries: readonly McpCallsSummary[]): void {
  console.log('transport    guard       in flight   CPU µs   to plain   added µs   per s')
  for (const { transport, guard, inFlight, cpuMicrosEach, toPlain, addedMicros, perSecond } of summaries) {
    const cells = [
      String(inFlight).padStart(9),
      cpuMicrosEach.toFixed(0).padStart(9),
      `${toPlain.toFixed(2)}×`.padStart(11),
      addedMicros.toFixed(0).padStart(11),
      perSecond.toFixed(0).padStart(8),
    ]
    console.log(`${transport.padEnd(12)} ${guard.padEnd(11)}${cells.join('')}`)
  }
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: tmpdir() },
    rounds: { type: 'string', default: '9' },
    'slice-ms': { type: 'string', default: '250' },
    json: { type: 'string' },
  },
})
const folder = await mkdtemp(join(values.dir, 'capiscio-bench-mcp-'))
try {
  await makeDevFolder(folder)
  await using held = new AsyncDisposableStack()
  const core = held.adopt(await startCoreProcess(folder, undefined), (process) => process.stop())
  const cases = await openMcpCases({ folder, core })
  for (const each of cases) held.use(each)
  const summaries = await runRounds(cases, Number(values.rounds), Number(values['slice-ms']))
  print(summaries)
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify(summaries))
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}
