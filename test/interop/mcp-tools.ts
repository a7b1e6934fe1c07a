import { copyFile, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cachedFolder } from './prepared.ts'
import { runProgram } from './run-program.ts'

const LOCKED = ['package.json', 'package-lock.json'].map((name) => join(import.meta.dirname, 'mcp', name))

/**
 * `node_modules` with the MCP project's conformance suite and inspector, as the lockfile beside
 * this says. They are no dependencies of the workspace: nobody who only builds it wants a
 * user interface. No install script runs.
 */
export async function mcpTools(): Promise<string> {
  const inputs = await Promise.all(LOCKED.map((file) => readFile(file, 'utf8')))
  const folder = await cachedFolder('mcp', inputs, async (target) => {
    for (const file of LOCKED) await copyFile(file, join(target, basename(file)))
    await runProgram('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: target })
  })
  return join(folder, 'node_modules')
}
