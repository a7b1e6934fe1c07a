import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram, runProgram } from '../../../core/src/cli/program.ts'

interface Printed {
  readonly code: number
  readonly stdout: string
}

async function help(path: readonly string[]): Promise<Printed> {
  let stdout = ''
  let code = 0
  const io = {
    stdout: (text: string) => {
      stdout += text
    },
    stderr: () => undefined,
    ...{ stdoutIsTty: false, stderrIsTty: false, env: {} },
    setExitCode: (set: number) => {
      code = set
    },
  }
  await runProgram(createProgram(io), ['node', 'capiscio', ...path, '--help'], io)
  return { code, stdout }
}

/** Every command that does something itself. */
function leaves(command: Command, path: readonly string[] = []): string[][] {
  if (command.commands.length === 0) return [[...path]]
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]))
}

const quiet = { stdout: () => undefined, stderr: () => undefined }
const program = createProgram({
  ...quiet,
  stdoutIsTty: false,
  stderrIsTty: false,
  env: {},
  setExitCode: () => undefined,
})
const commands = leaves(program)

test('there are as many commands as ever', () => {
  expect(commands.length).toBeGreaterThan(45)
})

test.each(commands.map((path) => [path.join(' '), path] as const))('%s explains itself', async (name, path) => {
  const { code, stdout } = await help(path)
  expect(code).toBe(0)
  const own = name === 'mcp serve' ? 'serve' : name
  expect(stdout).toMatch(new RegExp(`^Examples?:\\n(.+\\n)*?  \\$ (.*[( ])?capiscio ${own}( |$)`, 'm'))
  expect(stdout).toContain('Exit codes:')
  expect(stdout).not.toMatch(/\(default: [{[]/)
  expect(stdout).not.toMatch(/\(default:[^)]*\)\s+\(default:/)
})
