import { discloseIdentity, isHandshake } from '@capiscio/proto/mcp'
import type { GuardConfig } from '@capiscio/proto/sdk'
import { readOptions, requireTimeoutMs } from '@capiscio/proto/sdk'
import type { CoreClient } from '../client.ts'
import { getDefaultCoreClient } from '../default-client.ts'
import type { RequestGuardOptions } from './guard-requests.ts'
import { interceptRequests } from './intercept-requests.ts'
import { createServerIdentity, type ServerIdentityDisclosure, type ServerIdentityOptions } from './server-identity.ts'
import { protocolOf, type ServerLike } from './server-like.ts'
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
 * Call it once, before the first tool is registered: what came before it could not be guarded.
 *
 * @throws TypeError for anything that is no MCP server, one with tools already, one that is protected, or wrong options.
 */
export function protectServer<S extends ServerLike>(server: S, options: ProtectServerOptions = {}): S {
  readOptions(options, NAMES, 'The options of protectServer')
  const { identity, filterListings = true, bearerIsBadge = false, timeoutMs, client } = options
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  if (typeof filterListings !== 'boolean') throw new TypeError('filterListings must be true or false.')
  if (typeof bearerIsBadge !== 'boolean') throw new TypeError('bearerIsBadge must be true or false.')
  const guardOptions: RequestGuardOptions = {
    client: () => client ?? getDefaultCoreClient(),
    demands: decideToolDemands(options.tools, options.defaults),
    serverOrigin: identity?.origin === 'stdio' ? undefined : identity?.origin,
    bearerIsBadge,
    timeoutMs,
    monotonicMs: () => performance.now(),
  }
  const disclosure = identity === undefined ? undefined : createServerIdentity(identity)
  // Whatever can be refused has been: a server is protected as it was asked for, or not at all.
  interceptRequests(protocolOf(server), guardOptions, filterListings)
  if (disclosure !== undefined) discloseOn(server, disclosure)
  return server
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
