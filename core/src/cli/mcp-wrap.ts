import type { Command } from 'commander'
import { createInProcessCore } from '../in-process-core.ts'
import { createDisclosedServer } from '../mcp/disclosed-server.ts'
import { createMessageGuard } from '../mcp/message-guard.ts'
import { createToolDecider } from '../mcp/tool-decider.ts'
import { wrapStdio } from '../mcp/wrap-stdio.ts'
import { checkServerIdentity } from './check-server-identity.ts'
import { type McpGuardFlags, mcpGuardOptions } from './mcp-guard-options.ts'
import { outliveReader } from './output-reader.ts'
import type { CliIo } from './print.ts'
import { InputRefused } from './read-input.ts'
import { refusing } from './refusing.ts'
import { tellWithoutPolicy } from './tell-without-policy.ts'

const HELP = `
Example:
  $ capiscio mcp wrap --policy policy.yaml -- npx some-mcp-server /data

Put this in place of the server's own command where an MCP client starts it. Every tool call is decided
and recorded before the server sees it. A client shows its badge in _meta; where it cannot,
CAPISCIO_CALLER_BADGE or CAPISCIO_CALLER_API_KEY say who it is. The server sees neither.

Told to stop (SIGTERM, SIGINT), it takes no more requests and lets running calls end for --grace seconds; then the
server gets SIGTERM, and SIGKILL two seconds later. A second signal ends it at once.

Exit codes: that of the server; 1 refused to start, 2 wrong usage, 3 the evidence log is not what was written.
`

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** `capiscio mcp wrap -- COMMAND …`: a guard in front of a stdio server that cannot be changed. */
export function addMcpWrapCommand(mcp: Command, io: CliIo): void {
  mcpGuardOptions(mcp.command('wrap').description('put the guard in front of any stdio MCP server'))
    .argument('<command...>', 'the server, after --')
    .passThroughOptions()
    .addHelpText('after', HELP)
    .action((command: string[], flags: McpGuardFlags) => refusing(io, false, () => wrap(command, flags, io)))
}

async function wrap([program = '', ...args]: string[], flags: McpGuardFlags, io: CliIo): Promise<void> {
  checkServerIdentity(flags, io)
  const { did, badge, key, grace, ...coreFlags } = flags
  const disclose =
    did === undefined
      ? undefined
      : createDisclosedServer({ did, badgeFile: badge, keyFile: key, audience: () => 'stdio' })
  // Heard from the first moment on: a client may change its mind while the core starts.
  const stop = new AbortController()
  const kill = new AbortController()
  const told = (): void => (stop.signal.aborted ? kill : stop).abort()
  for (const signal of SIGNALS) process.on(signal, told)
  // A client that reads no more is gone, which is the end of the server and no fault.
  outliveReader()
  await using core = await createInProcessCore({ ...coreFlags, env: io.env })
  await tellWithoutPolicy(core, io)
  const guard = createMessageGuard({
    decider: createToolDecider(core, ''),
    defaultCaller: callerOf(io.env),
    disclose,
    monotonicMs: () => performance.now(),
  })
  try {
    const code = await wrapStdio({
      ...{ command: program, args, env: io.env, guard },
      ...{ input: process.stdin, output: process.stdout },
      ...{ stop: stop.signal, kill: kill.signal, graceMs: 1000 * grace },
    }).catch((cause: unknown) => {
      throw notStarted(program, cause) ?? cause
    })
    io.setExitCode(code)
  } finally {
    for (const signal of SIGNALS) process.off(signal, told)
    // The client may keep its side open, and the process with it.
    process.stdin.destroy()
  }
}

/** Why the system did not start the program; undefined for every other error. */
function notStarted(program: string, cause: unknown): InputRefused | undefined {
  const { code, syscall } = cause as Partial<NodeJS.ErrnoException>
  if (!syscall?.startsWith('spawn')) return undefined
  const reason = code === 'ENOENT' ? 'there is no such program' : code === 'EACCES' ? 'it may not be run' : code
  return new InputRefused(`The server cannot be started: ${program}: ${reason}`, { cause })
}

function callerOf({ CAPISCIO_CALLER_BADGE: badge, CAPISCIO_CALLER_API_KEY: apiKey }: CliIo['env']) {
  if (badge) return { kind: 'badge' as const, secret: badge }
  return apiKey ? { kind: 'apiKey' as const, secret: apiKey } : undefined
}
