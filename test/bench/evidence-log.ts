// What the evidence log costs at its own interface, without gRPC and without a guard:
// node test/bench/evidence-log.ts [entries] [folder]
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AppendSlice, BARE, GROUPED, ONE_EACH, openAppendCases, UNPUBLISHED } from './append-cases.ts'
import type { Publication } from './bench-log.ts'
import { LARGE_LOG_CASES, measureLargeLog } from './large-log.ts'
import { table } from './report.ts'
import { median } from './statistics.ts'

const ROUNDS = 7
const SLICE_MS = 1000

const [entries = '1000000', parent = tmpdir()] = process.argv.slice(2)
const folder = await mkdtemp(join(parent, 'capiscio-bench-log-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

type Round = ReadonlyMap<string, AppendSlice>

/** Every case in every round, in an order that turns by one: what disturbs the disk disturbs all. */
async function measureAppends(publications: Publication[]): Promise<readonly Round[]> {
  const cases = await openAppendCases(folder, (publication) => void publications.push(publication))
  for (const each of cases) await each.measure(SLICE_MS / 2)
  publications.length = 0
  const rounds: Round[] = []
  for (let n = 0; n < ROUNDS; n++) {
    const round = new Map<string, AppendSlice>()
    for (const each of [...cases.slice(n % cases.length), ...cases.slice(0, n % cases.length)]) {
      round.set(each.name, await each.measure(SLICE_MS))
    }
    rounds.push(round)
  }
  for (const each of cases) await each.close()
  return rounds
}

/** Median over the rounds of something about a case, or of its ratio to another case of the same round. */
function over(rounds: readonly Round[], name: string, value: (slice: AppendSlice) => number, control?: string): number {
  const of = (round: Round, which: string): number => {
    const slice = round.get(which)
    return slice === undefined ? Number.NaN : value(slice)
  }
  return median(rounds.map((round) => of(round, name) / (control === undefined ? 1 : of(round, control))))
}

const rate = ({ calls, seconds }: AppendSlice): number => calls / seconds

function reportAppends(rounds: readonly Round[], publications: readonly Publication[]): string {
  const header = ['case', 'per s', 'p50 ms', 'p99 ms', 'CPU µs', 'main µs', 'to one sync each', 'to bare']
  const rows = [...(rounds[0]?.keys() ?? [])].map((name) => [
    name,
    over(rounds, name, rate).toFixed(0),
    over(rounds, name, ({ p50Ms }) => p50Ms).toFixed(3),
    over(rounds, name, ({ p99Ms }) => p99Ms).toFixed(2),
    over(rounds, name, ({ cpuMicrosEach }) => cpuMicrosEach).toFixed(1),
    over(rounds, name, ({ mainMicrosEach }) => mainMicrosEach).toFixed(1),
    `${over(rounds, name, rate, ONE_EACH).toFixed(1)}×`,
    `${over(rounds, name, rate, BARE).toFixed(1)}×`,
  ])
  const p50 = over(rounds, GROUPED, ({ p50Ms }) => p50Ms, UNPUBLISHED)
  const p99 = over(rounds, GROUPED, ({ p99Ms }) => p99Ms, UNPUBLISHED)
  const durations = publications.map(({ durationMs }) => durationMs)
  const behind = over(rounds, GROUPED, ({ publishedAfterMs }) => publishedAfterMs)
  return [
    table(header, rows),
    '',
    `appends with publishing to those without: p50 ${p50.toFixed(2)}×, p99 ${p99.toFixed(2)}×`,
    `${publications.length} publications: median ${median(durations).toFixed(0)} ms, longest ${Math.max(...durations).toFixed(0)} ms; everything is public ${behind.toFixed(0)} ms after the last of ${SLICE_MS} ms of appends`,
  ].join('\n')
}

async function reportLargeLog(): Promise<string> {
  const rows: string[][] = []
  for (const what of LARGE_LOG_CASES) {
    const { seconds, emptyMiB, mostMiB } = await measureLargeLog(what, join(folder, 'large'), Number(entries))
    const cells = [seconds.toFixed(2), (Number(entries) / seconds).toFixed(0)]
    rows.push([what, ...cells, mostMiB.toFixed(0), (mostMiB - emptyMiB).toFixed(0)])
  }
  return table([`a log of ${entries}`, 's', 'entries per s', 'most MiB', 'of it for the log'], rows)
}

const publications: Publication[] = []
const rounds = await measureAppends(publications)
console.log(reportAppends(rounds, publications))
console.log(`\n${await reportLargeLog()}`)
