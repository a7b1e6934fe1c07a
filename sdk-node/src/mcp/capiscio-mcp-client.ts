import { receiptFrom } from '@capiscio/proto/mcp'
import { readOptions, requireTimeoutMs, type ServerState, type TrustLevel } from '@capiscio/proto/sdk'
import { anySignal, getAbortSignal } from '../abort-signal.ts'
import type { CredentialInput } from '../caller-credential.ts'
import type { ClientLike } from './client-like.ts'
import type { ConnectVerifiedOptions } from './connect-options.ts'
import type { VerifiedConnection } from './connect-verified.ts'
import { connectVerified } from './connect-verified.ts'
import { createHttpDisclosure } from './http-disclosure.ts'
import { importFirst } from './installed-sdk.ts'
import type { TransportLike } from './transport-like.ts'

/** Options of `CapiscioMcpClient.connect`. Give `command` for a child process or `url` for HTTP. */
export interface McpClientOptions extends Omit<ConnectVerifiedOptions, 'url' | 'http' | 'credential'> {
  /** Program of a stdio server. */
  readonly command?: string | undefined
  /** Its arguments. Default: none. */
  readonly args?: readonly string[] | undefined
  /** Environment of the child. Default: the few variables that the MCP SDK passes on; none of ours. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** URL of a Streamable HTTP server. */
  readonly url?: string | URL | undefined
  /** The caller's badge, or a function that gives the current one. */
  readonly badge?: Extract<CredentialInput, { readonly badge: unknown }>['badge'] | undefined
  /** The caller's API key, instead of a badge. */
  readonly apiKey?: string | undefined
  /** How the client names itself. Default `capiscio-mcp-client`. */
  readonly name?: string | undefined
}

/** What is used of a client of either SDK. */
interface SdkClient extends ClientLike {
  // v1 takes a schema before the options.
  callTool(params: object, ...rest: unknown[]): Promise<CallResult>
  listTools(
    params?: object,
    options?: object,
  ): Promise<{ readonly tools: readonly Readonly<Record<string, unknown>>[]; readonly nextCursor?: string }>
}

/** Limits of one request to the server. */
export interface McpCallOptions {
  /** Gives the request up when aborted. One that has left already is cancelled at the server. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the request is given up. Default: the MCP SDK's, 60 000. */
  readonly timeoutMs?: number | undefined
}

/** A tool's result, as the MCP SDK gives it. */
export type CallResult = Readonly<Record<string, unknown>> & { readonly isError?: boolean }

type ClientClass = new (info: object, options?: object) => SdkClient
type StdioClass = new (options: object) => TransportLike
type HttpClass = new (url: URL, options: object) => TransportLike

/**
 * An MCP client that talks to verified servers only: a holder of the MCP SDK's own client, of
 * whichever SDK is installed.
 *
 * ```ts
 * await using client = await CapiscioMcpClient.connect({ command: 'node', args: ['server.js'], minTrustLevel: 1, badge })
 * const result = await client.callTool('read_file', { path: 'a.txt' })
 * ```
 */
export class CapiscioMcpClient implements AsyncDisposable {
  /** The MCP SDK's own client, for everything else. */
  readonly client: ClientLike
  readonly #client: SdkClient
  readonly #connection: VerifiedConnection
  readonly #isV1: boolean

  private constructor(client: SdkClient, connection: VerifiedConnection, isV1: boolean) {
    this.client = client
    this.#client = client
    this.#connection = connection
    this.#isV1 = isV1
  }

  /**
   * @throws ServerVerifyError when the server is not as demanded, after leaving it; TypeError for
   * wrong options; McpSdkNotFoundError.
   */
  static async connect(options: McpClientOptions): Promise<CapiscioMcpClient> {
    const { command, args = [], env, url, badge, apiKey, name = 'capiscio-mcp-client', ...demands } = options
    if ((command === undefined) === (url === undefined)) {
      throw new TypeError('An MCP client needs a server: give command for a child process, or url for HTTP.')
    }
    if (badge !== undefined && apiKey !== undefined) {
      throw new TypeError('A credential is a badge or an API key: give one of them, not both.')
    }
    const credential = badge !== undefined ? { badge } : apiKey !== undefined ? { apiKey } : undefined
    const sdk = await loadClientSdk()
    const client = sdk.createClient(name)
    const http = url === undefined ? undefined : createHttpDisclosure()
    const transport =
      http === undefined
        ? sdk.stdio({ command, args: [...args], ...(env && { env }), stderr: 'inherit' })
        : sdk.http(new URL(String(url)), { fetch: http.fetch })
    const connection = await connectVerified(client, transport, {
      ...demands,
      ...(credential && { credential: credential as CredentialInput }),
      ...(http && { http, url }),
    })
    return new CapiscioMcpClient(client, connection, sdk.isV1)
  }

  /** Calls a tool. A denial is a result with `isError`, its reason in `_meta['io.capisc/denial']`. */
  async callTool(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    options: McpCallOptions = {},
  ): Promise<CallResult> {
    const limits = limitsOf(options)
    return this.#client.callTool({ name, arguments: args }, ...(this.#isV1 ? [undefined, limits] : [limits]))
  }

  /** All tools that this caller may run, complete with their schemas. The limits are for each page. */
  async listTools(options: McpCallOptions = {}): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const limits = limitsOf(options)
    const tools: Readonly<Record<string, unknown>>[] = []
    let cursor: string | undefined
    do {
      const page = await this.#client.listTools(cursor === undefined ? {} : { cursor }, limits)
      tools.push(...page.tools)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return tools
  }

  /** Which record stands behind a result; undefined where the server gave no receipt. */
  receiptOf(result: CallResult) {
    return receiptFrom(result)
  }

  /** State of the newest verification, as the four below. */
  get serverState(): ServerState {
    return this.#connection.server.state
  }

  /** DID that the server disclosed; undefined when it disclosed none. */
  get serverDid(): string | undefined {
    return this.#connection.server.serverDid
  }

  /** Level of the server's badge, 0 to 4; undefined unless it is verified. */
  get serverTrustLevel(): TrustLevel | undefined {
    return this.#connection.server.trustLevel
  }

  /** Whether the state is VERIFIED_PRINCIPAL. */
  get isVerified(): boolean {
    return this.#connection.server.isVerified
  }

  /** Whether the server proved that it holds its key. */
  get popVerified(): boolean {
    return this.#connection.server.popVerified
  }

  /** Ends the connection, and the child process of a stdio server. */
  close(): Promise<void> {
    return this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function limitsOf(options: McpCallOptions) {
  readOptions(options, ['signal', 'timeoutMs'], 'The options of a request')
  const { timeoutMs } = options
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  const signal = anySignal([getAbortSignal(), options.signal])
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeout: timeoutMs }) }
}

function loadClientSdk() {
  return importFirst(
    [
      [
        ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio'],
        (sdk) => ({
          isV1: false,
          // Both eras: the modern one where the server speaks it.
          createClient: (name: string) =>
            new (sdk.Client as ClientClass)({ name, version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } }),
          stdio: (options: object) => new (sdk.StdioClientTransport as StdioClass)(options),
          http: (url: URL, options: object) => new (sdk.StreamableHTTPClientTransport as HttpClass)(url, options),
        }),
      ],
      [
        [
          '@modelcontextprotocol/sdk/client/index.js',
          '@modelcontextprotocol/sdk/client/stdio.js',
          '@modelcontextprotocol/sdk/client/streamableHttp.js',
        ],
        (sdk) => ({
          isV1: true,
          createClient: (name: string) => new (sdk.Client as ClientClass)({ name, version: '1.0.0' }),
          stdio: (options: object) => new (sdk.StdioClientTransport as StdioClass)(options),
          http: (url: URL, options: object) => new (sdk.StreamableHTTPClientTransport as HttpClass)(url, options),
        }),
      ],
    ],
    '@modelcontextprotocol/client',
  )
}
