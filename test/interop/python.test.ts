import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './docs-page.ts'
import type { InteropReport } from './expected-report.ts'
import { watchWhileStopping } from './health-watch.ts'
import { CASES_FILE, type InteropWorld, startInteropWorld } from './interop-world.ts'
import { obtained } from './prepared.ts'
import { pythonBin, REQUIREMENTS } from './python-tools.ts'
import { describeReport } from './report-suite.ts'
import { runProgram } from './run-program.ts'

const SCRIPTS = join(import.meta.dirname, 'python')
const CAPISCIO = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

const bin = await obtained('Python with grpcio', pythonBin)

describe.skipIf(bin === undefined)('Python', () => {
  const path = bin ?? ''
  const python = join(path, 'python')
  let world: InteropWorld
  let report: InteropReport
  /** Finds the generated stubs. */
  let env: { PYTHONPATH: string }

  beforeAll(async () => {
    world = await startInteropWorld()
    env = { PYTHONPATH: join(world.cwd, 'gen') }
    await runProgram('bash', ['-euo', 'pipefail', '-c', codeBlocks('python.md', 'sh')[1] ?? ''], {
      cwd: world.cwd,
      path,
    })
    const args = [join(SCRIPTS, 'checks.py'), world.core.address, world.core.folder, CASES_FILE]
    report = JSON.parse(await runProgram(python, args, { env }))
  })

  afterAll(() => world?.[Symbol.asyncDispose]())

  describeReport(() => ({ report, agentDidKey: world.agentDidKey }))

  it('installs what the page says in the versions that are tested here', () => {
    const [pip, command, ...named] = codeBlocks('python.md', 'sh')[0].trim().split(/\s+/)
    expect([pip, command]).toEqual(['pip', 'install'])
    const pinned = readFileSync(REQUIREMENTS, 'utf8')
    expect(named.length).toBeGreaterThan(0)
    for (const name of named) expect(pinned).toContain(`${name}==`)
  })

  it('runs the example of the page', async () => {
    const [code] = codeBlocks('python.md', 'python')
    const script = join(world.cwd, 'example.py')
    await writeFile(script, code)
    const shown = await runProgram(python, [script], {
      cwd: world.cwd,
      env: { ...env, CAPISCIO_CORE_ADDR: world.core.address },
    })
    expect(shown).toBe(codeBlocks('python.md', 'text')[0])
  })

  it('connects as the existing SDK does, over a crash and to the end', async () => {
    const home = await mkdtemp(join(tmpdir(), 'capiscio-sdk-'))
    const binary = join(home, 'capiscio')
    await writeFile(binary, `#!/bin/sh\nexec '${process.execPath}' '${CAPISCIO}' "$@"\n`)
    await chmod(binary, 0o755)
    const seen = JSON.parse(
      await runProgram(python, [join(SCRIPTS, 'sdk_connect.py')], {
        cwd: '/',
        env: { ...env, HOME: home, CAPISCIO_BINARY_PATH: binary },
      }),
    ) as Record<string, number>
    await rm(home, { recursive: true, force: true })
    console.log(
      `The Python SDK's connect took ${seen.readySeconds?.toFixed(2)} s, closing ${seen.closeSeconds?.toFixed(2)} s`,
    )
    const answer = { decision: 1, authLevel: 1, recorded: true }
    expect(seen).toMatchObject({
      versionError: null,
      protoVersion: '1.0',
      first: answer,
      keyPairError: '',
      privateKeyBytes: 32,
      second: answer,
      exitCode: 0,
    })
    expect(seen.readySeconds).toBeLessThan(30)
    expect(seen.readyAgainSeconds).toBeLessThan(30)
    expect(seen.closeSeconds).toBeLessThan(5)
    expect(seen.linesWritten).toBeLessThanOrEqual(5)
  })

  // Last, because it stops the core.
  it('watches the core go', async () => {
    const script = join(SCRIPTS, 'watch.py')
    const lines = await watchWhileStopping([python, script, world.core.address], env, () => world.core.stop())
    expect(lines.slice(0, 2)).toEqual(['SERVING', 'NOT_SERVING'])
  })
})
