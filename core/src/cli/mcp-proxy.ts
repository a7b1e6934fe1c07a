import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemTimer } from '../adapters/time/system-timer.ts'
import type { TcpAddress } from '../config/config.ts'
import { isLoopback, parseTcpAddress } from '../config/listen-address.ts'
import { ValueRefused } from '../config/value-refused.ts'
import { createInProcessCore } from '../in-process-core.ts'
import { parsePemCertificates } from '../lib/pem-certificates.ts'
import { createDisclosedServer, readBadge } from '../mcp/disclosed-server.ts'
import { createMessageGuard } from '../mcp/message-guard.ts'
import { startProxy } from '../mcp/proxy/proxy.ts'
import { createTaskOwners } from '../mcp/task-owners.ts'
import { createToolDecider } from '../mcp/tool-decider.ts'
import { checkServerIdentity } from './check-server-identity.ts'
import { type McpGuardFlags, mcpGuardOptions } from './mcp-guard-options.ts'
import type { CliIo } from './print.ts'
import { InputRefused, readInput } from './read-input.ts'
import { refusing } from './refusing.ts'
import { runService } from './run-until-stopped.ts'
import { tellWithoutPolicy } from './tell-without-policy.ts'

const HELP = `
Example:
  $ capiscio mcp proxy --target http://127.0.0.1:3000/mcp --policy policy.yaml

Clients connect to the proxy instead of the server, and the server is made reachable by the proxy alone.
Every tool call is decided and recorded before the server sees it. A client shows its badge in the header
X-Capiscio-Badge or in _meta; the server sees neither, but for an allowed call whose badge it was.
Only the path of the target is served. The proxy speaks plain HTTP: beyond loopback put TLS in front of it,
and say with --origin how clients reach it.

Told to stop (SIGTERM, SIGINT), it takes no more requests and lets running calls end for --grace seconds. A second
signal ends it at once.

Exit codes: 0 stopped as asked, 1 refused to start, 2 wrong usage, 3 the evidence log is not what was written.
`

interface Flags extends McpGuardFlags {
  readonly target: URL
  readonly targetCa?: string
  readonly listen: TcpAddress
  readonly origin?: string
  readonly allowOrigin?: readonly string[]
  readonly bearerIsBadge?: boolean
  readonly insecure?: boolean
  readonly json: boolean
}

/** Beyond the time that calls have to end: for their outcomes and the log. */
const CLOSE_MS = 2_000
const USUAL: TcpAddress = { host: '127.0.0.1', port: 8788 }

/** `capiscio mcp proxy --target URL`: a guard in front of an HTTP server that cannot be changed. */
export function addMcpProxyCommand(mcp: Command, io: CliIo): void {
  mcpGuardOptions(mcp.command('proxy').description('put the guard in front of any MCP server over HTTP'))
    .requiredOption('--target <url>', 'the MCP endpoint of the server', parseTarget)
    .option('--target-ca <file>', 'PEM certificates to verify the server with, besides the usual ones')
    .addOption(
      new Option('--listen <host:port>', 'where the proxy listens')
        .argParser(parseListen)
        .default(USUAL, `${USUAL.host}:${USUAL.port}`),
    )
    .option('--origin <origin>', 'how clients reach the proxy, where it is not by its own address', parseOrigin)
    .option('--allow-origin <origin>', 'origin whose pages may call; repeatable', collect)
    .option('--bearer-is-badge', 'read Authorization: Bearer as a badge, and keep it from the server')
    .option('--insecure', 'listen beyond loopback, in plaintext')
    .option('--json', 'say as one line of JSON where it listens', false)
    .addHelpText('after', HELP)
    .action((flags: Flags) => refusing(io, flags.json, () => proxy(flags, io)))
}

async function proxy(given: Flags, io: CliIo): Promise<void> {
  const { target, targetCa, listen, origin, json, did, badge, key, grace, ...rest } = given
  const { allowOrigin = [], bearerIsBadge = false, insecure = false, ...core } = rest
  if (!isLoopback(listen) && !insecure) {
    throw new InputRefused(
      `${listen.host} is beyond loopback, and the proxy speaks plaintext: put TLS in front, or --insecure`,
    )
  }
  checkServerIdentity(given, io)
  const ca = targetCa === undefined ? undefined : await readCertificates(targetCa, io)
  await runService({
    async start() {
      const decisions = await createInProcessCore({ ...core, env: io.env })
      try {
        await tellWithoutPolicy(decisions, io)
        return await open(decisions)
      } catch (refused) {
        await decisions[Symbol.asyncDispose]()
        throw refused
      }
    },
    shutdownGraceMs: 1000 * grace + CLOSE_MS,
    exitWithStdin: false,
    onStarted({ url }) {
      if (json) io.stdout(`${JSON.stringify({ event: 'started', url, target: target.href })}\n`)
      else io.stdout(`${url} guards ${target.href}\n`)
    },
  })

  async function open(decisions: Awaited<ReturnType<typeof createInProcessCore>>) {
    const decider = createToolDecider(decisions, origin ?? target.origin)
    const tasks = createTaskOwners()
    let audience = origin ?? ''
    const disclose =
      did === undefined
        ? undefined
        : createDisclosedServer({ did, badgeFile: badge, keyFile: key, audience: () => audience })
    const running = await startProxy({
      ...{ target, bearerIsBadge, allowedOrigins: allowOrigin, listen, timer: systemTimer },
      targetCa: ca,
      hosts: origin === undefined ? [] : [new URL(origin).hostname],
      createGuard: () => createMessageGuard({ decider, disclose, tasks, monotonicMs: () => performance.now() }),
      identity: did === undefined ? undefined : { did, badge: () => readBadge(badge) },
      onFault: (cause) => io.stderr(`${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`),
    })
    audience ||= new URL(running.url).origin
    return {
      url: running.url,
      async stop() {
        await running.stop(1000 * grace)
        await decisions[Symbol.asyncDispose]()
      },
    }
  }
}

const MAX_CERTIFICATE_BYTES = 1024 * 1024

/** @throws {InputRefused} */
async function readCertificates(file: string, io: CliIo): Promise<string> {
  const pem = await readInput(file, MAX_CERTIFICATE_BYTES, io)
  try {
    return parsePemCertificates(pem).join('\n')
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new InputRefused(`The certificates of --target-ca, ${file}, cannot be used: ${cause.message}`, { cause })
  }
}

function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.hash !== '') {
    throw new InvalidArgumentError('Give the URL of the MCP endpoint, such as http://127.0.0.1:3000/mcp.')
  }
  return url
}

function parseListen(text: string): TcpAddress {
  try {
    return parseTcpAddress(text)
  } catch (refused) {
    if (refused instanceof ValueRefused) throw new InvalidArgumentError(`${refused.message}.`)
    throw refused
  }
}

function parseOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new InvalidArgumentError('Give an origin, such as https://mcp.example.com.')
}

function collect(origin: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, parseOrigin(origin)]
}
