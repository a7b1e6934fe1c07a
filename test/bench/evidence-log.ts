// What the evidence log costs at its own interface, without gRPC and without a guard:
// node test/bench/evidence-log.ts [entries] [folder]
import { fdatasyncSync, openSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../core/src/adapters/crypto/system-random.ts'
import { systemClock } from '../../core/src/adapters/time/system-clock.ts'
import { systemTimer } from '../../core/src/adapters/time/system-timer.ts'
import { encodeRecord } from '../../core/src/domain/evidence/record.ts'
import { type OpenEvidenceOptions, openEvidence } from '../../core/src/evidence-setup.ts'
import type { Timer } from '../../core/src/ports/timer.ts'
import { verifyEvidenceLog } from '../../core/src/verify-evidence-log.ts'

const CALLERS = 64
const ROUNDS = 5
const SLICE_MS = 1000

const [entries = '1000000', parent = tmpdir()] = process.argv.slice(2)
const folder = await mkdtemp(join(parent, 'capiscio-bench-log-'))
process.once('exit', () => void rm(folder, { recursive: true, force: true }))

const leafOf = (n: number): Uint8Array =>
  encodeRecord({
    id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    atMs: 1_750_000_000_000 + n,
    agentDid: 'did:web:registry.example.com:agents:11111111-2222-4333-8444-555555555555',
    badgeJti: '66666666-7777-4888-8999-aaaaaaaaaaaa',
    authLevel: 'badge',
    target: 'read_database',
    policyVersion: 'sha256:0123456789abcdef',
    decision: 'ALLOW',
    paramsHash: 'sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    trustLevel: 2,
    coreVersion: '0.1.0',
    cacheHit: true,
  })

const quiet = () => {}
/** Publishing that never becomes due: what is left is the journal. */
const never: Timer = { after: () => quiet }

function open(name: string, timer: Timer = systemTimer, published: (durationMs: number) => void = quiet) {
  const options: OpenEvidenceOptions = {
    location: { directory: join(folder, name, 'log') },
    stateDir: join(folder, name, 'state'),
    startEmpty: false,
    verifier: createNodeEd25519Verifier({ maxKeys: 4 }),
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock: systemClock,
    timer,
    telemetry: {
      evidenceCommitted: quiet,
      evidencePublished: ({ durationMs }) => published(durationMs),
      evidenceFailed: ({ cause }) => {
        throw cause
      },
      evidenceTailQuarantined: quiet,
      fault: ({ cause }) => {
        throw cause
      },
    },
  }
  return openEvidence(options)
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0
const round = (value: number, digits = 0): string => value.toFixed(digits)

/** Keeps `callers` entries under way for a while; entries a second, and how long each waited. */
async function load(log: { append(leaf: Uint8Array): Promise<unknown> }, callers: number) {
  const waited: number[] = []
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  let n = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() - startedAt < SLICE_MS) {
        const asked = performance.now()
        await log.append(leafOf(n++))
        waited.push(performance.now() - asked)
      }
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  return { rate: (n * 1000) / (performance.now() - startedAt), waited, cpuUs: (user + system) / n }
}

/** One write and one sync for each record, one after the other. */
function oneSyncEach(fd: number): number {
  const startedAt = performance.now()
  let n = 0
  while (performance.now() - startedAt < SLICE_MS) {
    writeSync(fd, leafOf(n++))
    fdatasyncSync(fd)
  }
  return (n * 1000) / (performance.now() - startedAt)
}

await mkdir(join(folder, 'plain'))
const fd = openSync(join(folder, 'plain', 'file'), 'w')
const journal = await open('journal', never)
const published: number[] = []
const whole = await open('published', systemTimer, (durationMs) => published.push(durationMs))
const rows = { plain: [] as number[], journal: [] as number[], whole: [] as number[], ratio: [] as number[] }
const waits = { journal: [] as number[], whole: [] as number[], lone: [] as number[] }
const cpu = { journal: [] as number[], whole: [] as number[], lone: [] as number[] }
for (let n = 0; n < ROUNDS; n++) {
  const plain = oneSyncEach(fd)
  const [alone, beside, lone] = [
    await load(journal.log, CALLERS),
    await load(whole.log, CALLERS),
    await load(whole.log, 1),
  ]
  rows.plain.push(plain)
  rows.journal.push(alone.rate)
  rows.whole.push(beside.rate)
  rows.ratio.push(beside.rate / plain)
  waits.journal.push(...alone.waited)
  waits.whole.push(...beside.waited)
  waits.lone.push(...lone.waited)
  cpu.journal.push(alone.cpuUs)
  cpu.whole.push(beside.cpuUs)
  cpu.lone.push(lone.cpuUs)
}
await journal.log.close()
await whole.log.close()
console.log(`one write and sync for each record  ${round(median(rows.plain))}/s`)
for (const [name, rate] of [
  ['journal', rows.journal],
  ['whole', rows.whole],
] as const) {
  const [p50, p99] = [percentile(waits[name], 0.5), percentile(waits[name], 0.99)]
  const what = name === 'whole' ? 'with publishing' : 'without publishing'
  console.log(
    `${CALLERS} callers, ${what.padEnd(19)} ${round(median(rate))}/s, p50 ${round(p50, 2)} ms, p99 ${round(p99, 2)} ms, CPU ${round(median(cpu[name]), 1)} µs`,
  )
}
console.log(
  `one caller, with publishing        p50 ${round(percentile(waits.lone, 0.5), 2)} ms, p99 ${round(percentile(waits.lone, 0.99), 2)} ms, CPU ${round(median(cpu.lone), 1)} µs`,
)
console.log(`group commit to one sync each      ${round(median(rows.ratio), 1)}x`)
console.log(
  `publications                       ${published.length}, median ${round(median(published))} ms, longest ${round(Math.max(...published))} ms`,
)

const large = await open('large')
for (let n = large.log.size; n < Number(entries); n = large.log.size) {
  await Promise.all(
    Array.from({ length: Math.min(4096, Number(entries) - n) }, (_, i) => large.log.append(leafOf(n + i))),
  )
}
await large.log.close()
globalThis.gc?.()
const startedAt = performance.now()
const again = await open('large')
console.log(
  `start with ${again.log.size} entries       ${round(performance.now() - startedAt)} ms, process ${round(process.memoryUsage.rss() / 2 ** 20)} MiB`,
)
const { directory } = again
await again.log.close()

const verifyingAt = performance.now()
let peak = 0
const verdict = await verifyEvidenceLog({
  directory,
  verifier: createNodeEd25519Verifier({ maxKeys: 4 }),
  onProgress: () => {
    peak = Math.max(peak, process.memoryUsage.rss())
  },
})
if (!verdict.ok) throw new Error(JSON.stringify(verdict.findings[0]))
const seconds = (performance.now() - verifyingAt) / 1000
console.log(
  `verify                             ${round(verdict.size / seconds)} entries/s, process at most ${round(peak / 2 ** 20)} MiB`,
)
