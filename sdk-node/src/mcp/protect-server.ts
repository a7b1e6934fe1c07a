import { discloseIdentity, isHandshake } from '@capiscio/proto/mcp'
import type { GuardConfig } from '@capiscio/proto/sdk'
import { readOptions, requireTimeoutMs } from '@capiscio/proto/sdk'
import type { CoreClient } from '../client.ts'
import { getDefaultCoreClient } from '../default-client.ts'
import { guardListing, guardToolCalls, type RequestGuardOptions, type RequestHandler } from './guard-requests.ts'
import { createServerIdentity, type ServerIdentityDisclosure, type ServerIdentityOptions } from './server-identity.ts'
import { methodOf, protocolOf, type ServerLike } from './server-like.ts'
import { tapTransport } from './tap-transport.ts'
import { decideToolDemands } from './tool-demands.ts'
import type { TransportLike } from './transport-like.ts'

const NAMES = ['identity', 'defaults', 'tools', 'filterListings', 'bearerIsBadge', 'timeoutMs', 'client'] as const

/** Options of `protectServer`. */
export interface ProtectServerOptions {
  /** Who the server is. Default: it discloses nothing. */
  readonly identity?: ServerIdentityOptions | undefined
  /** Demands for every tool that has none of its own. Default: those of the core's policy. */
  readonly defaults?: GuardConfig | undefined
  /** Demands by tool name, instead of the defaults. */
  readonly tools?: Readonly<Record<string, GuardConfig>> | undefined
  /** Show each caller only the tools that it may run. Default true. */
  readonly filterListings?: boolean | undefined
  /** Read `Authorization: Bearer` as a badge. Default false: on MCP endpoints it is an OAuth token. */
  readonly bearerIsBadge?: boolean | undefined
  /** Milliseconds until a decision is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/**
 * Guards every tool of an MCP server, shows each caller what it may run, and lets the server
 * say who it is. Takes an `McpServer` or `Server` of `@modelcontextprotocol/server` (v2) or
 * `@modelcontextprotocol/sdk` (v1) and gives the same one back.
 *
 * ```ts
 * const server = protectServer(new McpServer({ name: 'files', version: '1.0.0' }), { tools: { read_file: { minTrustLevel: 2 } } })
 * ```
 *
 * Call it before the first tool is registered: what came before it could not be guarded.
 *
 * @throws TypeError for anything that is no MCP server, one with tools already, or wrong options.
 */
export function protectServer<S extends ServerLike>(server: S, options: ProtectServerOptions = {}): S {
  readOptions(options, NAMES, 'The options of protectServer')
  const { identity, filterListings = true, bearerIsBadge = false, timeoutMs, client } = options
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  const guardOptions: RequestGuardOptions = {
    client: () => client ?? getDefaultCoreClient(),
    demands: decideToolDemands(options.tools, options.defaults),
    serverOrigin: identity?.origin === 'stdio' ? undefined : identity?.origin,
    bearerIsBadge,
    timeoutMs,
  }
  interceptHandlers(server, guardOptions, filterListings)
  if (identity !== undefined) discloseOn(server, createServerIdentity(identity))
  return server
}

/** Every handler for tools that is set from here on is guarded, whoever sets it. */
function interceptHandlers(server: ServerLike, options: RequestGuardOptions, filterListings: boolean): void {
  const protocol = protocolOf(server)
  requireNoTools(protocol)
  const set = protocol.setRequestHandler.bind(protocol)
  protocol.setRequestHandler = (first, ...rest) => {
    const guarded = rest.map((argument: unknown) => {
      if (typeof argument !== 'function') return argument
      const method = methodOf(first)
      // A method that cannot be told may be the one that runs tools.
      if (method === undefined)
        throw new TypeError('A request handler was registered for a method that cannot be read.')
      if (method === 'tools/call') return guardToolCalls(argument as RequestHandler, options)
      if (method === 'tools/list' && filterListings) return guardListing(argument as RequestHandler, options)
      return argument
    })
    set(first, ...guarded)
  }
}

/** Both SDKs refuse a second handler through this method, which tells that there is a first one. */
function requireNoTools(protocol: object): void {
  const assertFree: unknown = Reflect.get(protocol, 'assertCanSetRequestHandler')
  if (typeof assertFree !== 'function') return
  try {
    assertFree.call(protocol, 'tools/call')
  } catch (cause) {
    throw new TypeError('protectServer must be called before the first tool is registered.', { cause })
  }
}

/** Discloses in the result of every handshake, on every connection from here on. */
function discloseOn(server: ServerLike, identity: ServerIdentityDisclosure): void {
  const connect = server.connect.bind(server)
  server.connect = (transport: TransportLike, ...rest: unknown[]) =>
    connect(
      tapTransport(transport, {
        onResult(result, request) {
          const { method } = request
          if (!isHandshake(method)) return undefined
          return identity.disclose({ ...request, method }).then((disclosure) => discloseIdentity(result, disclosure))
        },
      }),
      ...rest,
    )
}
