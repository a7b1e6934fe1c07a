import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import type { BenchCase, Slice } from './bench-case.ts'
import { percentile } from './statistics.ts'

/** Signed part of a badge, about. */
const SIGNED_BYTES = 700

/** One record in its frame with the checkpoint after it, about. */
const COMMIT_BYTES = 1_000

/** What a decision cannot do without, alone and in this process: a signature check, a sync. */
export function createBareCases(folder: string, control: string): (BenchCase & Disposable)[] {
  return [bareVerify(control), bareSync(folder, control)]
}

function bareVerify(control: string): BenchCase & Disposable {
  const signer = createNodeEd25519Signer(randomBytes(32))
  const verifier = createNodeEd25519Verifier({ maxKeys: 1 })
  const message = randomBytes(SIGNED_BYTES)
  const signature = signer.sign(message)
  return {
    name: 'bare Ed25519 verify',
    inFlight: 0,
    control,
    measure: async (forMs) =>
      repeat(forMs / 5, () => {
        if (!verifier.verify(signer.publicKey, message, signature)) throw new Error('A good signature was refused')
      }),
    [Symbol.dispose]: () => {},
  }
}

function bareSync(folder: string, control: string): BenchCase & Disposable {
  const file = openSync(join(folder, 'bare-sync'), 'a', 0o600)
  const bytes = randomBytes(COMMIT_BYTES)
  return {
    name: 'bare write + fdatasync',
    inFlight: 0,
    control,
    measure: async (forMs) =>
      repeat(forMs / 2, () => {
        writeSync(file, bytes)
        fdatasyncSync(file)
      }),
    [Symbol.dispose]: () => closeSync(file),
  }
}

function repeat(forMs: number, work: () => void): Slice {
  const latencies: number[] = []
  const cpuBefore = process.cpuUsage()
  const startedMs = performance.now()
  let lastMs = startedMs
  while (lastMs - startedMs < forMs) {
    work()
    const nowMs = performance.now()
    latencies.push(nowMs - lastMs)
    lastMs = nowMs
  }
  const seconds = (lastMs - startedMs) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  return {
    decisions: latencies.length,
    cpuMicrosEach: (cpu.user + cpu.system) / latencies.length,
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    loadBusy: (cpu.user + cpu.system) / 1e6 / seconds,
    waited: 0,
  }
}
