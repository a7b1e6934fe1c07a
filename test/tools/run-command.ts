import { Command } from 'commander'
import type { CliIo } from '../../core/src/cli/print.ts'
import { runProgram } from '../../core/src/cli/program.ts'

/** `Json`: what is printed as JSON, as far as a test looks at it. */
export interface RanCommand<Json = Record<string, unknown>> {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  json(): Json
}

export interface RunCommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  readonly isTty?: boolean
}

/** What a command reads and writes, kept. */
export function captureIo<Json = Record<string, unknown>>({
  env = {},
  stdin,
  isTty = false,
}: RunCommandOptions = {}): {
  readonly io: CliIo
  ran(): RanCommand<Json>
} {
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
  return { io, ran: () => ({ code, stdout, stderr, json: () => JSON.parse(stdout) as Json }) }
}

/** Runs one command in this process, as the command line would. */
export async function runCommand<Json = Record<string, unknown>>(
  add: (program: Command, io: CliIo) => void,
  args: readonly string[],
  options: RunCommandOptions = {},
): Promise<RanCommand<Json>> {
  const { io, ran } = captureIo<Json>(options)
  const program = new Command('capiscio').exitOverride().configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
  add(program, io)
  await runProgram(program, ['node', 'capiscio', ...args], io)
  return ran()
}

/** In small pieces, as a pipe may bring it. */
async function* chunksOf(text: string | Uint8Array): AsyncIterable<Uint8Array> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
}
