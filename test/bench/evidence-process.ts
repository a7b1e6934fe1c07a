// One thing done with a large log, in a process of its own so that its memory is its own:
// node test/bench/evidence-process.ts write|start|verify FOLDER [ENTRIES]
import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { verifyEvidenceLog } from '../../core/src/setup/evidence/verify-evidence-log.ts'
import { logDirectory, openBenchLog, recordBytes } from './bench-log.ts'
import type { LargeLogMeasurement } from './large-log.ts'

const WAITING = 4096

async function write(folder: string, entries: number): Promise<number> {
  const { log } = await openBenchLog(folder)
  for (let first = 0; first < entries; first += WAITING) {
    const count = Math.min(WAITING, entries - first)
    await Promise.all(Array.from({ length: count }, (_, i) => log.append(recordBytes(first + i))))
  }
  await log.close()
  return log.size
}

async function start(folder: string): Promise<number> {
  return (await openBenchLog(folder)).log.size
}

async function verify(folder: string): Promise<number> {
  const verifier = createNodeEd25519Verifier({ maxKeys: 4 })
  const verdict = await verifyEvidenceLog({ directory: logDirectory(folder), verifier })
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.findings[0]))
  return verdict.size
}

const [what, folder = '', entries = '0'] = process.argv.slice(2)
const emptyMiB = process.memoryUsage.rss() / 2 ** 20
const startedMs = performance.now()
const work = { write: () => write(folder, Number(entries)), start: () => start(folder), verify: () => verify(folder) }
const size = await work[what as keyof typeof work]()
const measurement: LargeLogMeasurement = {
  entries: size,
  seconds: (performance.now() - startedMs) / 1000,
  emptyMiB,
  mostMiB: process.resourceUsage().maxRSS / 1024,
}
process.stdout.write(JSON.stringify(measurement), () => process.exit())
