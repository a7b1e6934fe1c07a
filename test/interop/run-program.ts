import { execFile } from 'node:child_process'

export interface RunProgramOptions {
  readonly cwd?: string
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Folder whose programs come first. */
  readonly path?: string
  readonly timeoutMs?: number
}

/** Runs a program to its end and resolves to its standard output. Rejects, with all output, unless it exits with 0. */
export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env, path, timeoutMs = 300_000 }: RunProgramOptions = {},
): Promise<string> {
  const PATH = path === undefined ? process.env.PATH : `${path}:${process.env.PATH}`
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { cwd, env: { ...process.env, ...env, PATH }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}\n${stderr}`, { cause: error }))
      },
    )
  })
}
