import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/**
 * Runs a program that prints each health status that it sees, stops the core after the first
 * one, and resolves to all lines.
 */
export async function watchWhileStopping(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  stopCore: () => Promise<unknown>,
): Promise<readonly string[]> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  const lines: string[] = []
  let stopped: Promise<unknown> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    stopped ??= stopCore()
  }
  await stopped
  return lines
}
