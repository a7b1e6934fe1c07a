import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cachedFolder } from './prepared.ts'
import { runProgram } from './run-program.ts'

export const REQUIREMENTS = join(import.meta.dirname, 'python', 'requirements.txt')

/** `bin` of a virtual environment with the pinned packages. Rejects where they cannot be had. */
export async function pythonBin(): Promise<string> {
  const version = await runProgram('python3', ['--version'])
  const inputs = [version, readFileSync(REQUIREMENTS, 'utf8')]
  const environment = await cachedFolder('python', inputs, async (folder) => {
    await runProgram('python3', ['-m', 'venv', folder])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]
    await runProgram(join(folder, 'bin', 'python'), pip)
  })
  return join(environment, 'bin')
}
