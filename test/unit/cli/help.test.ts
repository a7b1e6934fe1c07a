import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram, runProgram } from '../../../core/src/cli/program.ts'
import { captureIo, type RanCommand } from '../../tools/run-command.ts'

async function help(path: readonly string[]): Promise<RanCommand> {
  const { io, ran } = captureIo()
  await runProgram(createProgram(io), ['node', 'capiscio', ...path, '--help'], io)
  return ran()
}

/** Every command that does something itself. */
function leaves(command: Command, path: readonly string[] = []): string[][] {
  if (command.commands.length === 0) return [[...path]]
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]))
}

const program = createProgram(captureIo().io)
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
