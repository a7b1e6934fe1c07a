import { posix } from 'node:path'
import type { ListenConfig, TcpAddress } from './config.ts'
import type { ConfigFlags, CoreCommand } from './config-flags.ts'
import { DEFAULT_ORIGIN } from './config-origin.ts'
import type { ListenSources } from './config-sources.ts'
import { decideTls, decideTokenFile } from './decide-tls.ts'
import { type Candidate, type Decisions, fromFlag } from './decisions.ts'
import {
  isLoopback,
  type ListenAddress,
  parseListenAddress,
  parseSocketPath,
  parseTcpAddress,
} from './listen-address.ts'

const LOOPBACK = '127.0.0.1'
const GRPC_PORT = 50051
const WEB_PORT = 50052

/** Switches a listener off. */
const NONE = 'none'

/**
 * Decides where to listen. The gRPC listeners, `tcp` and `socket`, go together: the
 * strongest source that names either decides both, so that `--socket` opens no port.
 * `rpc` does not read the listeners of the file: its caller says where it expects it,
 * and the file may be that of a running `serve`.
 */
export function decideListen(decisions: Decisions, sources: ListenSources): ListenConfig {
  const { command, flags, file, home } = sources
  const written = command === 'rpc' ? undefined : file?.written.listen
  const flagged = decideFlagged(decisions, flags)
  const fromFile = {
    tcp: file?.candidate(['listen', 'tcp'], written?.tcp),
    socket: file?.candidate(['listen', 'socket'], written?.socket === NONE ? undefined : written?.socket),
  }
  const grpc =
    flagged ??
    (fromFile.tcp || fromFile.socket ? decideFromFile(decisions, fromFile) : defaultGrpc(decisions, command, home))
  const http = decisions.pick<string, TcpAddress | undefined>(
    'listen.http',
    [fromFlag('--http', flags.http), file?.candidate(['listen', 'http'], written?.http)],
    (text) => (text === NONE ? undefined : parseTcpAddress(text)),
    () => (command === 'rpc' ? undefined : { host: LOOPBACK, port: WEB_PORT }),
  )
  const tls = decideTls(decisions, sources)
  const tokenFile = decideTokenFile(decisions, sources)
  const listen = { ...grpc, ...(http && { http }), ...(tls && { tls }), ...(tokenFile !== undefined && { tokenFile }) }
  refuseImpossible(decisions, listen, flags.insecure === true)
  return listen
}

type GrpcListen = Pick<ListenConfig, 'tcp' | 'socket'>

function decideFlagged(decisions: Decisions, flags: ConfigFlags): GrpcListen | undefined {
  const { listen, address, socket } = flags
  if (listen === undefined && address === undefined && socket === undefined) return undefined
  if (listen !== undefined && address !== undefined) {
    decisions.refuse('CONFLICT', { kind: 'flag', name: '--address' }, '--listen and --address mean the same: give one')
  }
  const main = decisions.pick<string, ListenAddress | undefined>(
    'listen.tcp',
    [fromFlag('--listen', listen), fromFlag('--address', address)],
    parseListenAddress,
    () => undefined,
  )
  const path = decisions.pick<string, string | undefined>(
    'listen.socket',
    [fromFlag('--socket', socket)],
    parseSocketPath,
    () => (main?.kind === 'unix' ? main.path : undefined),
  )
  if (main?.kind !== 'unix') return { ...(main && { tcp: main.address }), ...(path !== undefined && { socket: path }) }
  const origin = decisions.originOf('listen.tcp')
  if (socket !== undefined) decisions.refuse('CONFLICT', origin, 'The socket is given twice: keep --socket')
  else decisions.note('listen.socket', origin)
  return { ...(path !== undefined && { socket: path }) }
}

function decideFromFile(
  decisions: Decisions,
  { tcp, socket }: { readonly tcp: Candidate<string> | undefined; readonly socket: Candidate<string> | undefined },
): GrpcListen {
  const address = decisions.pick<string, TcpAddress | undefined>(
    'listen.tcp',
    [tcp],
    (text) => (text === NONE ? undefined : parseTcpAddress(text)),
    () => undefined,
  )
  const path = decisions.pick<string, string | undefined>('listen.socket', [socket], parseSocketPath, () => undefined)
  if (tcp?.raw === NONE && socket === undefined) {
    decisions.refuse('CONFLICT', tcp.origin, 'Nothing would answer calls: leave tcp or socket on')
  }
  return { ...(address && { tcp: address }), ...(path !== undefined && { socket: path }) }
}

function defaultGrpc(decisions: Decisions, command: CoreCommand, home: string | undefined): GrpcListen {
  if (command !== 'rpc') return { tcp: { host: LOOPBACK, port: GRPC_PORT } }
  if (home === undefined) {
    decisions.refuse('VALUE_INVALID', DEFAULT_ORIGIN, 'HOME is not set: set it, or give --socket or --address')
    return {}
  }
  try {
    return { socket: parseSocketPath(posix.join(home, '.capiscio/rpc.sock'), home) }
  } catch (refused) {
    decisions.refuse('VALUE_INVALID', DEFAULT_ORIGIN, `${(refused as Error).message} with --socket`)
    return {}
  }
}

function refuseImpossible(decisions: Decisions, listen: ListenConfig, insecure: boolean): void {
  const { tcp, http, tls, tokenFile } = listen
  for (const [path, address] of [
    ['listen.tcp', tcp],
    ['listen.http', http],
  ] as const) {
    if (address === undefined || isLoopback(address)) continue
    const origin = decisions.originOf(path)
    if (tls !== undefined) {
      const open = tls.clientCaFile === undefined || tls.clientCertificates === 'optional'
      if (open && tokenFile === undefined) {
        decisions.warn(
          path,
          'Whoever reaches this address may ask for decisions: set listen.tokenFile or listen.tls.clientCaFile',
        )
      }
    } else if (insecure) {
      decisions.warn(path, 'Badges and API keys cross the network in plaintext: whoever sees them can use them')
    } else {
      const reason =
        'Plaintext is for loopback: set listen.tls, bind 127.0.0.1 or a Unix socket, or give --insecure if everybody on that network is trusted'
      decisions.refuse('VALUE_INVALID', origin, reason)
    }
  }
  if (tcp !== undefined && http !== undefined && tcp.port !== 0 && tcp.port === http.port && tcp.host === http.host) {
    decisions.refuse('CONFLICT', decisions.originOf('listen.http'), 'gRPC and the web listener need different ports')
  }
}
