import { readFileSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './docs-page.ts'
import type { InteropReport } from './expected-report.ts'
import { goTools } from './go-tools.ts'
import { watchWhileStopping } from './health-watch.ts'
import { CASES_FILE, type InteropWorld, startInteropWorld } from './interop-world.ts'
import { obtained } from './prepared.ts'
import { describeReport } from './report-suite.ts'
import { runProgram } from './run-program.ts'

const MODULE = join(import.meta.dirname, 'go')
const NODE_BIN = join(import.meta.dirname, '..', '..', 'node_modules', '.bin')

const tools = await obtained('Go with its gRPC modules', goTools)

describe.skipIf(tools === undefined)('Go', () => {
  const { go = '', bin = '', env = {} } = tools ?? {}
  let world: InteropWorld
  let report: InteropReport
  const program = (name: string): string => join(world.cwd, 'bin', name)

  beforeAll(async () => {
    world = await startInteropWorld()
    const { cwd } = world
    const place = async (folder: string, name: string, text: string): Promise<void> => {
      await mkdir(join(cwd, folder), { recursive: true })
      await writeFile(join(cwd, folder, name), text)
    }
    for (const name of ['go.mod', 'go.sum']) await copyFile(join(MODULE, name), join(cwd, name))
    await place('checks', 'main.go', readFileSync(join(MODULE, 'checks.go'), 'utf8'))
    await place('example', 'main.go', codeBlocks('go.md', 'go')[0])
    await place('.', 'buf.gen.yaml', codeBlocks('go.md', 'yaml')[0])
    await runProgram('bash', ['-euo', 'pipefail', '-c', codeBlocks('go.md', 'sh')[0]], {
      cwd,
      path: `${bin}:${NODE_BIN}`,
    })
    await runProgram(go, ['build', '-o', 'bin/', './checks', './example'], { cwd, env })
    const args = ['checks', world.core.address, world.core.folder, CASES_FILE]
    report = JSON.parse(await runProgram(program('checks'), args))
  }, 300_000)

  afterAll(() => world?.[Symbol.asyncDispose]())

  describeReport(() => ({ report, agentDidKey: world.agentDidKey }))

  it('runs the example of the page', async () => {
    const shown = await runProgram(program('example'), [], {
      cwd: world.cwd,
      env: { CAPISCIO_CORE_ADDR: world.core.address },
    })
    expect(shown).toBe(codeBlocks('go.md', 'text')[0])
  })

  // Last, because it stops the core.
  it('watches the core go', async () => {
    const lines = await watchWhileStopping([program('checks'), 'watch', world.core.address], {}, () =>
      world.core.stop(),
    )
    expect(lines.slice(0, 2)).toEqual(['SERVING', 'NOT_SERVING'])
  })
})
