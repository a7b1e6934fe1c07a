import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../core/src/adapters/crypto/system-random.ts'
import { systemTimer } from '../../core/src/adapters/time/system-timer.ts'
import { type OpenEvidenceOptions, openEvidence } from '../../core/src/setup/evidence/open-evidence.ts'
import { createFixedClock } from '../fakes/fixed-clock.ts'

/** A folder with room for evidence and state, and what is written there is opened with. */
export interface EvidencePlace {
  readonly folder: string
  readonly root: string
  readonly directory: string
  readonly stateDir: string
}

const made: string[] = []

export function createEvidencePlace(): EvidencePlace {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'capiscio-evidence-')))
  made.push(folder)
  return { folder, root: join(folder, 'evidence'), directory: join(folder, 'log'), stateDir: join(folder, 'state') }
}

/** Removes every place of this test file. */
export function removeEvidencePlaces(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** Telemetry that counts what the evidence log reports. */
export function createEvidenceTelemetry() {
  const seen = {
    commits: 0,
    published: [] as number[],
    failures: 0,
    quarantined: [] as { segment: string; bytes: number }[],
    faults: 0,
  }
  return {
    seen,
    evidenceCommitted: () => void seen.commits++,
    evidencePublished: (event: { size: number }) => void seen.published.push(event.size),
    evidenceFailed: () => void seen.failures++,
    evidenceSpace: () => undefined,
    evidenceTailQuarantined: (event: { segment: string; bytes: number }) => void seen.quarantined.push(event),
    fault: () => void seen.faults++,
  }
}

/** Opens the exclusive folder of a place with the real adapters, unless told otherwise. */
export function openAt(place: EvidencePlace, options: Partial<OpenEvidenceOptions> = {}) {
  return openEvidence({
    location: { directory: place.directory },
    stateDir: place.stateDir,
    startEmpty: false,
    verifier: createNodeEd25519Verifier({ maxKeys: 4 }),
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock: createFixedClock(Date.UTC(2026, 0)),
    timer: systemTimer,
    telemetry: createEvidenceTelemetry(),
    ...options,
  })
}

/**
 * Every path under a folder with mode, size and content hash. The lock file is not opened:
 * closing it would drop the lock that this process holds.
 */
export function snapshot(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { mode, size, mtimeMs } = statSync(path)
      const content =
        entry.isFile() && entry.name !== 'lock' ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return [
        path.slice(folder.length + 1),
        `${(mode & 0o777).toString(8)} ${entry.isFile() ? `${size} ${mtimeMs}` : ''} ${content}`,
      ]
    }),
  )
}

const WRITER = join(import.meta.dirname, 'evidence-writer.ts')

/** A process that opens an evidence log and obeys lines on its standard input. */
export function spawnWriter(place: EvidencePlace, args: readonly string[] = [], launcher: readonly string[] = []) {
  const [command = process.execPath, ...rest] = [...launcher, process.execPath, WRITER, JSON.stringify(place), ...args]
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  let output = ''
  let stderr = ''
  const listeners = new Set<() => void>()
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    const parts = output.split('\n')
    output = parts.pop() ?? ''
    lines.push(...parts)
    for (const listener of listeners) listener()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  // `close` comes after all output was read, `exit` may come before.
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return {
    child,
    lines,
    exited,
    stderr: () => stderr,
    /** The first line that starts so; rejects when the process ends without it. */
    line: (start: string) =>
      new Promise<string>((resolve, reject) => {
        const look = () => {
          const found = lines.find((line) => line.startsWith(start))
          if (found === undefined) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        exited.then(() => reject(new Error(`ended without "${start}": ${lines.join(' | ')} ${stderr}`)))
        look()
      }),
    send: (line: string) => child.stdin.write(`${line}\n`),
  }
}
