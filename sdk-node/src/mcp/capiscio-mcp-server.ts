import { discloseIdentity, metaOf } from '@capiscio/proto/mcp'
import type { GuardConfig } from '@capiscio/proto/sdk'
import { GUARD_CONFIG_NAMES, readOptions } from '@capiscio/proto/sdk'
import { importFirst } from './installed-sdk.ts'
import { type ProtectServerOptions, protectServer } from './protect-server.ts'
import { createServerIdentity, type ServerIdentityDisclosure } from './server-identity.ts'
import type { ServerLike } from './server-like.ts'
import { decideToolDemands } from './tool-demands.ts'

/** Options of `CapiscioMcpServer`. */
export interface McpServerOptions extends Omit<ProtectServerOptions, 'tools'> {
  /** How the server names itself to clients. */
  readonly name: string
  /** Version that it tells clients. Default `1.0.0`. */
  readonly version?: string | undefined
}

const SDK_NAMES = [
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
  'icons',
  'scopeChallenge',
  '_meta',
] as const

/**
 * What a tool demands of its callers, and what the MCP SDK is told about it. Nothing else: a
 * demand with a typo in its name would demand nothing.
 */
export type McpToolOptions = GuardConfig & { readonly [N in (typeof SDK_NAMES)[number]]?: unknown }

/** A handler of the MCP SDK: its arguments, when the tool has an `inputSchema`, then its context. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are those of the tool's own schema
export type McpToolHandler = (...args: any[]) => unknown

interface SdkServer {
  registerTool(name: string, config: object, handler: McpToolHandler): unknown
}

type ServerClass = new (info: object) => SdkServer & ServerLike

/**
 * An MCP server all of whose tools are guarded: a holder of the MCP SDK's own server
 * (`@modelcontextprotocol/server`), with which it serves both eras.
 *
 * ```ts
 * const server = new CapiscioMcpServer({ name: 'files', identity })
 * server.tool('read_file', { minTrustLevel: 2, inputSchema: z.object({ path: z.string() }) }, async ({ path }) => …)
 * await server.run()
 * ```
 */
export class CapiscioMcpServer {
  readonly #info: { readonly name: string; readonly version: string }
  readonly #options: ProtectServerOptions
  readonly #identity: ServerIdentityDisclosure | undefined
  readonly #tools = new Map<
    string,
    { readonly config: object; readonly demands: GuardConfig | undefined; readonly handler: McpToolHandler }
  >()

  /** @throws TypeError without a name, and for an identity or defaults that cannot be used. */
  constructor({ name, version = '1.0.0', ...options }: McpServerOptions) {
    if (typeof name !== 'string' || name === '') throw new TypeError('An MCP server needs a name.')
    this.#info = { name, version }
    this.#options = options
    decideToolDemands(undefined, options.defaults)
    this.#identity = options.identity && createServerIdentity(options.identity)
  }

  /**
   * Adds a tool. Without demands of its own it has the server's defaults; `{ minTrustLevel: 0 }` is
   * a demand of its own, and lower than any default.
   *
   * @throws TypeError for a name that is taken, unknown options, and demands that cannot be meant.
   */
  tool(name: string, options: McpToolOptions, handler: McpToolHandler): this {
    const tool = `The tool ${JSON.stringify(name)}`
    if (this.#tools.has(name)) throw new TypeError(`${tool} was added before.`)
    const entries = Object.entries(readOptions(options, [...GUARD_CONFIG_NAMES, ...SDK_NAMES], tool))
    const isDemand = ([key]: [string, unknown]): boolean => (GUARD_CONFIG_NAMES as readonly string[]).includes(key)
    const own = entries.filter(isDemand)
    const demands = own.length === 0 ? undefined : Object.fromEntries(own)
    decideToolDemands(undefined, demands)
    this.#tools.set(name, {
      config: Object.fromEntries(entries.filter((entry) => !isDemand(entry))),
      demands,
      handler,
    })
    return this
  }

  /** Serves over standard input and output until the client goes. */
  async run(): Promise<void> {
    const sdk = await loadServerSdk()
    const serveStdio = sdk.serveStdio as (factory: () => unknown) => unknown
    await serveStdio(() => this.#build(sdk.McpServer as ServerClass))
  }

  /** A handler for Streamable HTTP in the web's own form; put `createHttpGate` around it for headers. */
  async httpHandler(): Promise<(request: Request, options?: object) => Promise<Response>> {
    const sdk = await loadServerSdk()
    const createHandler = sdk.createMcpHandler as (factory: () => unknown) => {
      fetch(request: Request, options?: object): Promise<Response>
    }
    const handler = createHandler(() => this.#build(sdk.McpServer as ServerClass))
    return (request, options) => handler.fetch(request, options)
  }

  /**
   * A guarded server of the MCP SDK with all tools that were added so far, for a transport of your
   * own: `await (await server.createServer()).connect(transport)`. One for each connection.
   */
  async createServer(): Promise<ServerLike> {
    const sdk = await loadServerSdk()
    return this.#build(sdk.McpServer as ServerClass)
  }

  /** Whether this server can prove that it holds its key. */
  get popEnabled(): boolean {
    return this.#options.identity?.privateKey !== undefined
  }

  /** What is disclosed of the identity now, as `_meta`: DID and current badge. Empty without an identity. */
  identityMeta(): Promise<Readonly<Record<string, unknown>>> {
    return this.createInitializeResponseMeta()
  }

  /**
   * What this server adds to the `_meta` of its answer to `initialize`: DID, current badge and the
   * answer to a proof of possession. `run`, `httpHandler` and `createServer` do it by themselves; this is
   * for servers that are written without the MCP SDK.
   *
   * @param requestMeta `params._meta` of the request. Without it, or with a nonce that is none,
   * nothing is proven.
   */
  async createInitializeResponseMeta(requestMeta?: unknown): Promise<Readonly<Record<string, unknown>>> {
    if (this.#identity === undefined) return {}
    const request = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { _meta: requestMeta } } as const
    return metaOf({ params: discloseIdentity({}, await this.#identity.disclose(request)) })
  }

  #build(McpServer: ServerClass): ServerLike {
    const own = [...this.#tools].flatMap(([name, { demands }]) =>
      demands === undefined ? [] : [[name, demands] as const],
    )
    const server = protectServer(new McpServer(this.#info), { ...this.#options, tools: Object.fromEntries(own) })
    for (const [name, { config, handler }] of this.#tools) server.registerTool(name, config, handler)
    return server
  }
}

function loadServerSdk() {
  return importFirst(
    [[['@modelcontextprotocol/server', '@modelcontextprotocol/server/stdio'], (sdk) => sdk]],
    '@modelcontextprotocol/server',
  )
}
