import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { isRequest, type McpMessage } from '@capiscio/proto/mcp'
import { INEXACT_NUMBER } from './exact-numbers.ts'
import { type ReadLine, readJsonLines } from './json-lines.ts'
import type { MessageGuard } from './message-guard.ts'

export interface WrapOptions {
  readonly command: string
  readonly args: readonly string[]
  /** What the child sees. It gets none of our own settings: they hold credentials. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly guard: MessageGuard
  /** The client's side. */
  readonly input: Readable
  readonly output: Writable
  /** Takes no more requests, and ends the child when those under way were answered, or when `graceMs` have passed. */
  readonly stop: AbortSignal
  /** Ends the child at once. */
  readonly kill: AbortSignal
  readonly graceMs: number
}

/** Time that a child has between SIGTERM and SIGKILL, in milliseconds. */
export const KILL_AFTER_MS = 2_000

/** Calls that may wait for their decision at one time. Beyond it the client is read no further. */
const MAX_HELD = 256

/** JSON-RPC codes and sentences for lines that are no messages. */
const PROBLEMS: Readonly<
  Record<Extract<ReadLine, { readonly problem: unknown }>['problem'], readonly [number, string]>
> = {
  TOO_LONG: [-32_600, 'The message is longer than 16 MiB.'],
  NOT_JSON: [-32_700, 'The line is not JSON.'],
  INEXACT: [-32_600, INEXACT_NUMBER],
  NOT_A_MESSAGE: [-32_600, 'The line is not one JSON-RPC message. Batches are not taken.'],
}

const STOPPING = { code: -32_603, message: 'The server is being stopped. Send the request to the next one.' }

/**
 * Runs an MCP server as a child and stands between it and its client. Resolves to the exit
 * code of the child when it has ended and everything it said has been passed on.
 *
 * @throws when the child cannot be started
 */
export async function wrapStdio(options: WrapOptions): Promise<number> {
  const { command, args, env, guard, input, output, stop, kill, graceMs } = options
  const own = Object.entries(env).filter(([name]) => !name.startsWith('CAPISCIO_'))
  const child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'], env: Object.fromEntries(own) })
  await once(child, 'spawn')
  // A child that is gone is told by its exit, not by what it no longer reads.
  child.stdin.on('error', () => undefined)
  const exited = exitOf(child)
  const toClient = createWriter(output)
  const over = new AbortController()
  let isCut = false
  const cut = (): void => {
    isCut = true
    child.kill('SIGKILL')
    // A process that the child has started may hold it open.
    child.stdout.destroy()
  }
  const end = async (graceful: boolean): Promise<void> => {
    if (graceful) await Promise.race([guard.idle(), exited, wait(graceMs, over.signal)])
    // The server may be a child of the shell that was started, which tells it nothing.
    child.stdin.end()
    child.kill('SIGTERM')
    await wait(KILL_AFTER_MS, over.signal)
    cut()
  }
  const whenTold = (signal: AbortSignal, told: () => void): void => {
    if (signal.aborted) told()
    else signal.addEventListener('abort', told, { once: true, signal: over.signal })
  }
  // Whoever has ended the input waits for no answer.
  whenTold(stop, () => void end(!input.readableEnded).catch(() => undefined))
  whenTold(kill, cut)
  // The client has gone: nobody reads an answer any more. Standard output says so at every write.
  const left = new AbortController()
  const gone = (): void => left.abort()
  whenTold(left.signal, () => void end(false).catch(() => undefined))
  output.on('error', gone)
  const answers = passBack(child.stdout, guard, toClient)
  // Not waited for: the client may keep its side open after the server has gone.
  passOn(options, child.stdin, toClient).catch(gone)
  try {
    await answers.catch((cause: unknown) => {
      if (!isCut) throw cause
    })
    return await exited
  } finally {
    over.abort()
    child.kill('SIGKILL')
    output.off('error', gone).on('error', () => undefined)
    guard.giveUp()
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal })
}

async function passOn({ input, guard, stop }: WrapOptions, stdin: Writable, toClient: Write): Promise<void> {
  const toServer = createWriter(stdin)
  const underWay = new Set<Promise<void>>()
  for await (const line of readJsonLines(input, { mustBeExact: true })) {
    if ('problem' in line) {
      const [code, message] = PROBLEMS[line.problem]
      await toClient({ jsonrpc: '2.0', id: null, error: { code, message } })
      continue
    }
    const passing = pass(line.message)
    underWay.add(passing)
    passing.finally(() => underWay.delete(passing)).catch(() => undefined)
    // Calls are decided beside each other; everything else keeps its place.
    if (line.message.method !== 'tools/call') await passing
    else if (underWay.size >= MAX_HELD) await Promise.race(underWay)
  }
  await Promise.allSettled(underWay)
  stdin.end()

  async function pass(message: McpMessage): Promise<void> {
    if (stop.aborted && isRequest(message)) return toClient({ jsonrpc: '2.0', id: message.id, error: STOPPING })
    const passage = await guard.fromClient(message)
    if ('forward' in passage) await toServer(passage.forward)
    else if ('answer' in passage) await toClient(passage.answer)
  }
}

async function passBack(stdout: Readable, guard: MessageGuard, toClient: Write): Promise<void> {
  for await (const line of readJsonLines(stdout)) {
    // A server that writes something else on its standard output speaks to nobody here.
    const message = 'message' in line ? await guard.fromServer(line.message) : undefined
    if (message !== undefined) await toClient(message)
  }
}

type Write = (message: McpMessage) => Promise<void>

/** Writes whole lines, one after another, and waits while the other side does not read. */
function createWriter(target: Writable): Write {
  let last: Promise<void> = Promise.resolve()
  return (message) => {
    last = last.then(async () => {
      if (!target.writable || target.write(lineOf(message))) return
      const settled = new AbortController()
      const events = ['drain', 'close'].map((name) => once(target, name, { signal: settled.signal }))
      // A target that broke is read by nobody.
      await Promise.race(events).catch(() => undefined)
      settled.abort()
      await Promise.allSettled(events)
    })
    return last
  }
}

/** One line also for those who end lines where Unicode does, as some line readers of Node and Python do. */
function lineOf(message: McpMessage): string {
  const text = JSON.stringify(message).replace(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `${text}\n`
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  // As a shell reports it.
  return code ?? (signal === 'SIGTERM' ? 143 : 137)
}
