import { Command } from 'commander'
import type { CliIo } from '../../core/src/cli/print.ts'
import { runProgram } from '../../core/src/cli/program.ts'

export interface RanCommand {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  json(): Record<string, unknown>
}

export interface RunCommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  readonly isTty?: boolean
}

/** Runs one command in this process, as the command line would. */
export async function runCommand(
  add: (program: Command, io: CliIo) => void,
  args: readonly string[],
  { env = {}, stdin, isTty = false }: RunCommandOptions = {},
): Promise<RanCommand> {
  let stdout = ''
  let stderr = ''
  let code = 0
  const io: CliIo = {
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
    stdoutIsTty: isTty,
    stderrIsTty: isTty,
    ...(stdin !== undefined && { stdin: chunksOf(stdin) }),
    env,
    setExitCode: (set) => {
      code = set
    },
  }
  const program = new Command('capiscio').exitOverride().configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
  add(program, io)
  await runProgram(program, ['node', 'capiscio', ...args], io)
  return { code, stdout, stderr, json: () => JSON.parse(stdout) as Record<string, unknown> }
}

/** In small pieces, as a pipe may bring it. */
async function* chunksOf(text: string | Uint8Array): AsyncIterable<Uint8Array> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
}
